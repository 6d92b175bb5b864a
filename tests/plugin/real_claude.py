"""The real Claude Code, where there is one, in a home folder of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.plugin.messages_api import Script, StandIn, standing_in

VARIABLE = "CLAUDE_CODE_BINARY"
# Where `npm install @anthropic-ai/claude-code` puts the program of a platform.
_PACKAGE = "node_modules/@anthropic-ai/claude-code-linux-x64/claude"
_QUIET = (
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC",
    "DISABLE_TELEMETRY",
    "DISABLE_AUTOUPDATER",
    "DISABLE_ERROR_REPORTING",
)
LIMIT_S = 50


def find_claude() -> Path | None:
    """Return the program: the one that is told, on the path, or in a cache of test clients."""
    caches = Path(os.environ.get("FT_CLIENTS_CACHE") or Path.home() / ".cache/flowtrace-clients")
    told = os.environ.get(VARIABLE) or shutil.which("claude")
    places = [Path(told)] if told else []
    return next((one for one in [*places, caches / "claude" / _PACKAGE] if one.is_file()), None)


@dataclass(frozen=True)
class Session:
    """A session that has ended."""

    lines: list[dict[str, Any]]  # what it wrote, as stream-json
    stand_in: StandIn

    @property
    def session_id(self) -> str:
        return str(next(line["session_id"] for line in self.lines if "session_id" in line))

    def failed_hooks(self) -> list[dict[str, Any]]:
        """Return the answers of hooks that did not end well, by themselves."""
        answers = (line for line in self.lines if line.get("subtype") == "hook_response")
        ended = (line for line in answers if line.get("outcome") != "cancelled")
        return [line for line in ended if line.get("exit_code") not in (0, None)]

    def tool_results(self) -> list[dict[str, Any]]:
        """Return what the model got from its tools."""
        messages = (line["message"]["content"] for line in self.lines if line["type"] == "user")
        blocks = (block for content in messages for block in content if isinstance(block, dict))
        return [block for block in blocks if block.get("type") == "tool_result"]


class RealClaude:
    """Claude Code with nothing but our plugin, over a data folder of its own.

    Args:
        program: Its executable.
        folder: An empty folder; everything is kept in it.
        path: Where commands are found; "" = beside this Python, then where they are found now.
    """

    def __init__(self, program: Path, folder: Path, path: str = "") -> None:
        self.program = program
        self.home, self.project = folder / "home", folder / "project"
        self.home.mkdir(parents=True)
        self.project.mkdir()
        usual = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        inherited = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("CLAUDE", "ANTHROPIC", "FLOWTRACE", "OTEL", "XDG"))
        }
        self.environ = {
            **inherited,
            **dict.fromkeys(_QUIET, "1"),
            "PATH": path or usual,
            "HOME": str(self.home),
            "FLOWTRACE_HOME": str(folder / "data"),
            "FLOWTRACE_EMBEDDER": "off",
            "FLOWTRACE_PORT": "0",
            "FLOWTRACE_OTLP_HTTP_PORT": "0",
            "FLOWTRACE_OTLP_GRPC_PORT": "0",
        }
        self.run(["git", "init", "--quiet", "."])

    def run(self, words: Sequence[str], **environ: str) -> str:
        """Run a program in the project and return what it prints; fail when it does."""
        done = subprocess.run(
            words,
            cwd=self.project,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert done.returncode == 0, f"{words[:3]}: {done.stderr or done.stdout}"
        return done.stdout

    def type(self, *words: str) -> str:
        """Run `claude` with these arguments."""
        return self.run([str(self.program), *words])

    def session(self, prompt: str, script: Script, *allowed: str) -> Session:
        """Run one session without a person; the model follows the script."""
        arguments = ["-p", prompt, "--output-format", "stream-json", "--verbose"]
        arguments += ["--include-hook-events", "--allowedTools", *allowed]
        with standing_in(script) as stand_in:
            told = self.run(
                [str(self.program), *arguments],
                ANTHROPIC_BASE_URL=stand_in.url,
                ANTHROPIC_API_KEY="placeholder",
            )
        return Session([json.loads(line) for line in told.splitlines()], stand_in)
