"""What the plugin of Claude Code costs beside 10,000 memories, with the server up.

A session's start and a tool's end as whole processes, against an empty process of Python in turns;
a tool's end over HTTP, as a hook of type `http` would send it; and what each one says.
"""

import http.client
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from hooks import event as tool_event
from lab import data_folder, elapsed_ms, environment, report, serving, spread
from memory_calls import BATCH, EMBED_LIMIT_S, MEMORIES, is_waiting, texts

from flowtrace_mcp.analytics.tokens import estimate_tokens

RUNS = 40
KINDS = ("decision", "fact", "preference", "gotcha", "plan", "note", "fix")
START_LIMIT_MS = 150
START_LIMIT_TOKENS = 300
TOOL_LIMIT_MS = 80
HTTP_LIMIT_MS = 10


def start_event(number: int, folder: str) -> bytes:
    told = {"session_id": f"bench-{folder[1:]}-{number}", "cwd": folder, "source": "startup"}
    return json.dumps({**told, "hook_event_name": "SessionStart"}).encode()


def fill(home: Path, port: int) -> None:
    """Store memories of every kind, through REST."""
    token = (home / "token").read_text().strip()
    told = [
        {"content": text, "project": "bench", "kind": KINDS[number % len(KINDS)]}
        for number, text in enumerate(texts(MEMORIES, 1))
    ]
    for start in range(0, MEMORIES, BATCH):
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/v1/memories",
            json.dumps({"memories": told[start : start + BATCH]}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()


def run(told: bytes, environ: Mapping[str, str]) -> bytes:
    """Run the hook as Claude Code does, without a shell; return what it says."""
    command = [str(Path(sys.executable).with_name("flowtrace")), "hook", "claude-code"]
    done = subprocess.run(command, input=told, env=environ, check=True, capture_output=True)
    return done.stdout


def run_empty(environ: Mapping[str, str]) -> None:
    subprocess.run([sys.executable, "-c", "pass"], env=environ, check=True)


def beside_empty(
    make: Callable[[int], bytes], environ: Mapping[str, str]
) -> tuple[dict[str, float], float, list[bytes]]:
    """Return the milliseconds of a hook, their ratio to an empty process, and what was said."""
    ours, empty, said = [], [], []
    for number in range(RUNS):
        empty.append(elapsed_ms(lambda: run_empty(environ)))
        told = make(number)
        ours.append(elapsed_ms(lambda told=told: said.append(run(told, environ))))
    ratio = spread(ours)["p50"] / spread(empty)["p50"]
    return spread(ours), round(ratio, 2), said


def over_http(home: Path, port: int) -> dict[str, float]:
    """Return the milliseconds of a tool's end on one connection, kept open."""
    token = (home / "token").read_text().strip()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def post(number: int) -> None:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", "/api/v1/hooks/claude-code", tool_event(number), headers)
        connection.getresponse().read()

    return spread([elapsed_ms(lambda n=n: post(n)) for n in range(1000, 1000 + RUNS * 5)])


def context_tokens(said: bytes) -> int:
    told = json.loads(said)["hookSpecificOutput"]["additionalContext"] if said else ""
    return estimate_tokens(told)


def main() -> int:
    with data_folder() as folder, serving(folder) as one:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder)} | environment(folder)
        port = one.ports()["rest"]
        fill(folder, port)
        until_s = time.monotonic() + EMBED_LIMIT_S
        while is_waiting(one.call("status")) and time.monotonic() < until_s:
            one.call("recall", query="wake the model")
            time.sleep(0.5)
        start_ms, start_ratio, said = beside_empty(lambda n: start_event(n, "/tmp"), environ)
        strange = environ | {"FLOWTRACE_PROJECT": "a-project-without-memories"}
        nothing_ms, _, silence = beside_empty(lambda n: start_event(n, "/var"), strange)
        tool_ms, tool_ratio, tool_said = beside_empty(tool_event, environ)
        http_ms = over_http(folder, port)
    tokens = [context_tokens(one) for one in said]
    figures = {
        "memories": MEMORIES,
        "session_start_ms": start_ms,
        "session_start_ratio": start_ratio,
        "session_start_tokens": max(tokens),
        "session_start_without_memories_ms": nothing_ms,
        "tool_end_ms": tool_ms,
        "tool_end_ratio": tool_ratio,
        "tool_end_over_http_ms": http_ms,
    }
    return report(
        "hooks of Claude Code's plugin at 10 K memories",
        figures,
        session_start=start_ms["p50"] <= START_LIMIT_MS,
        session_start_tokens=min(tokens) > 0 and max(tokens) <= START_LIMIT_TOKENS,
        silence=not any(silence) and not any(tool_said),
        tool_end=tool_ms["p50"] <= TOOL_LIMIT_MS,
        over_http=http_ms["p50"] <= HTTP_LIMIT_MS,
    )


if __name__ == "__main__":
    sys.exit(main())
