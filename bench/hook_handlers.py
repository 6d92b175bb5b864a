"""What each kind of hook makes a tool call of the real Claude Code wait: command, http, mcp_tool.

A plugin with nothing but one hook before and one after each tool runs sessions of twenty trivial
shell commands, in turns with sessions without any hook; a stand-in plays the model. Without Claude
Code nothing is measured.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import BARE_SERVER, MODERN, data_folder, environment, report, serving, spread

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.plugin.messages_api import standing_in
from tests.plugin.real_claude import RealClaude, find_claude

CALLS = 20
ROUNDS = 3
IN_BACKGROUND_LIMIT = 0.6  # of what the same command makes it wait when it is waited for
EVENTS = ("PreToolUse", "PostToolUse")


def handlers(port: int) -> dict[str, Mapping[str, Any] | None]:
    command = {
        "type": "command",
        "command": str(Path(sys.executable).with_name("flowtrace")),
        "args": ["hook", "claude-code"],
    }
    return {
        "none": None,
        "command": command,
        "command_in_background": {**command, "async": True},
        "http": {"type": "http", "url": f"http://127.0.0.1:{port}/api/v1/hooks/claude-code"},
        # The least that a tool can do: a server of the SDK alone.
        "mcp_tool": {
            "type": "mcp_tool",
            "server": "plugin:bench:bare",
            "tool": "echo",
            "input": {"text": "${tool_input}"},
        },
    }


def write_plugin(folder: Path, handler: Mapping[str, Any] | None) -> Path:
    (folder / ".claude-plugin").mkdir(parents=True)
    (folder / "hooks").mkdir()
    manifest = {"name": "bench", "version": "1.0.0", "description": "A hook"}
    (folder / ".claude-plugin/plugin.json").write_text(json.dumps(manifest))
    bare = {"command": sys.executable, "args": ["-c", BARE_SERVER]}
    (folder / ".mcp.json").write_text(json.dumps({"mcpServers": {"bare": bare}}))
    if handler is not None:
        hooks = {event: [{"hooks": [handler]}] for event in EVENTS}
        (folder / "hooks/hooks.json").write_text(json.dumps({"hooks": hooks}))
    return folder


def waits_ms(claude: RealClaude, plugin: Path) -> list[float]:
    """Return the milliseconds from each call of a tool to its result."""

    def script(results: list[str]) -> tuple[str, Mapping[str, Any]] | None:
        step = {"command": "true", "description": "Do nothing"}
        return ("Bash", step) if len(results) < CALLS else None

    arguments = ["-p", "Go", "--plugin-dir", str(plugin), "--output-format", "stream-json"]
    with standing_in(script) as stand_in:
        process = subprocess.Popen(
            [str(claude.program), *arguments, "--verbose", "--allowedTools", "Bash"],
            cwd=claude.project,
            env={**claude.environ, "ANTHROPIC_BASE_URL": stand_in.url, "ANTHROPIC_API_KEY": "x"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdout is not None
        lines = [(time.perf_counter(), json.loads(line)) for line in process.stdout]
        process.wait(10)
    asked: dict[str, float] = {}
    waited = []
    for at_s, line in lines:
        content = line["message"]["content"] if line["type"] in ("assistant", "user") else []
        for block in content if isinstance(content, list) else []:
            if block.get("type") == "tool_use":
                asked[block["id"]] = at_s
            elif block.get("type") == "tool_result":
                waited.append((at_s - asked[block["tool_use_id"]]) * 1000)
    return waited


def main() -> int:
    program = find_claude()
    if program is None:
        print("Claude Code was not found: nothing is measured", file=sys.stderr)
        return 0
    with (
        data_folder() as folder,
        serving(folder / "data", era=MODERN, FLOWTRACE_REQUIRE_AUTH="false") as one,
    ):
        port = one.ports()["rest"]
        claude = RealClaude(program, folder / "claude")
        claude.environ |= environment(folder / "data") | {"PATH": os.environ["PATH"]}
        claude.environ |= {"HOME": str(claude.home), "FLOWTRACE_REQUIRE_AUTH": "false"}
        found = handlers(port)
        plugins = {name: write_plugin(folder / name, one) for name, one in found.items()}
        waits: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(ROUNDS):
            for name, plugin in plugins.items():
                waits[name] += waits_ms(claude, plugin)
    figures = {name: spread(each) for name, each in waits.items()}
    none = figures["none"]["p50"]
    over = {name: round(one["p50"] - none, 1) for name, one in figures.items()}
    return report(
        "what a tool call of Claude Code waits for a hook before and one after it",
        {"calls": CALLS * ROUNDS, "wait_ms": figures, "p50_over_none_ms": over},
        in_background=over["command_in_background"] <= over["command"] * IN_BACKGROUND_LIMIT,
    )


if __name__ == "__main__":
    sys.exit(main())
