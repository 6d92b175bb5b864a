"""What the README promises: an id and a sentence each.

A test that shows one is marked ``@pytest.mark.promise("its-id")``; ``test_promises.py`` fails when
a promise has no test, or a test names an id that is not here.
"""

from typing import Final

PROMISES: Final[dict[str, str]] = {
    # Try it, install
    "demo": "`flowtrace demo` remembers, recalls and traces for real, in a folder of its own.",
    "no-network": "The embedding model is in the package and works without network.",
    "install": "`flowtrace install` puts the server into a client's configuration; twice changes nothing.",
    "uninstall": "`flowtrace uninstall` restores a client's files byte for byte.",
    "doctor-clients": "`flowtrace doctor` starts each client's command, and tells what came from it.",
    "service": "`flowtrace service install` has the system start the listener; twice changes nothing.",
    "put-in-place": "From an environment for one call, `flowtrace install` installs itself for good first.",
    "plugin-remembers": "With the plugin, Claude Code's next session starts with what the last one remembered.",
    "plugin-traces": "With the plugin, the next session sees what the last one ran, with arguments and results.",
    "memory-mirror": "MEMORY.md and Flowtrace tell each other what they hold; a person's lines stay byte for byte.",
    # Memory
    "remember-and-recall": "What was remembered is recalled by a later process.",
    "word-for-word": "A memory is kept word for word.",
    "outcomes": "`remember` tells new, the same, a refinement, a replacement and a conflict apart.",
    "only-told-retires": "Only a topic or `supersedes` retires an older memory.",
    "projects-apart": "Clones and worktrees share memories; another repository never sees them.",
    "words-and-meaning": "`recall` finds by words and by meaning.",
    "nothing-weak": "`recall` answers with nothing when nothing is strong enough.",
    "budget": "Answers stay within their token budget.",
    "as-of": "`as_of` asks what was held true then.",
    "hard-forget": "`forget` with `hard` leaves no word of a memory on disk.",
    "secrets-out": "Known forms of secrets are taken out of a memory before it is written.",
    # Traces
    "otlp-http": "Traces, logs and metrics are received over OTLP/HTTP, in protobuf and JSON.",
    "otlp-grpc": "Traces, logs and metrics are received over OTLP/gRPC.",
    "send-your-own-traces": "Whatever speaks OTLP needs only the address.",
    "durable": "What was answered is on disk.",
    "counted-once": "A model call is counted once, however many instrumentations report it.",
    "unknown-cost": "An unknown cost is unknown, never 0.",
    "port-taken": "A port that another program has is done without, and `flowtrace status` says so.",
    "hooks": "Agents that send no OpenTelemetry are seen through their hooks.",
    "trace-views": "`traces` lists, opens a tree and a span, finds errors, slow calls and tools.",
    "what-followed": "`traces` tells what followed an error.",
    "critical-path": "`traces` tells the critical path.",
    "loops": "`traces` tells tools that are called in circles.",
    "cost-across-runs": "`traces` tells what several runs cost.",
    "costs": "`flowtrace costs` sums calls, tokens and cost by model, agent, session, tool or day.",
    "budgets": "`flowtrace budgets` says what may be spent, and who is told when it is.",
    "insights": "`flowtrace insights` says what is unlike before.",
    "two-compared": "`traces` compares two sessions or runs.",
    "past-sessions": "The sessions an agent had before become traces.",
    "events-alone": "Claude Code's events alone become turns, model calls and tools.",
    # The agent's and the person's side
    "small-tool-list": "The five tools cost an agent's context at most 1,500 tokens.",
    "export-import": "Memories can be exported and imported.",
    "json": "Every command takes `--json`.",
    # Safety
    "token-to-read": "Reading over HTTP needs the token.",
    "loopback-only": "An address off this machine is refused unless every route needs the token.",
    "foreign-pages": "Foreign names and web pages are refused.",
}
