"""Start an MCP server as a client does, and see whether it offers tools."""

import json
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, Final

from flowtrace_mcp import __version__

TRIAL_LIMIT_S: Final = 20.0
END_LIMIT_S: Final = 2.0
LINE_LIMIT_BYTES: Final = 4 * 1024 * 1024
_LAST_WORDS_BYTES: Final = 2000
_LIST_ID: Final = 2
_ASKED: Final = (
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "flowtrace-doctor", "version": __version__},
        },
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": _LIST_ID, "method": "tools/list", "params": {}},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How it went."""

    tools: tuple[str, ...] = ()
    seconds: float = 0.0  # until the tools were listed
    problem: str = ""  # "" = they were


def try_server(
    words: Sequence[str], environ: Mapping[str, str], limit_s: float = TRIAL_LIMIT_S
) -> Trial:
    """Start a server over stdio in a data folder of its own, ask for its tools, and end it.

    Args:
        words: The command.
        environ: What its environment says.
        limit_s: How long it may take.
    """
    begun_s = time.monotonic()
    # Windows keeps the folder for as long as the server holds a file in it.
    with (
        tempfile.TemporaryDirectory(prefix="flowtrace-", ignore_cleanup_errors=True) as home,
        tempfile.TemporaryFile() as errors,
    ):
        try:
            process = subprocess.Popen(  # noqa: S603 - what the client itself would start
                list(words),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=_apart(environ, home),
                start_new_session=True,
            )
        except OSError as error:
            return Trial(problem=error.strerror or "it cannot be run")
        timer = threading.Timer(limit_s, _kill, [process])
        timer.daemon = True
        timer.start()
        try:
            tools = _list_tools(process)
            seconds = time.monotonic() - begun_s
        finally:
            timer.cancel()
            _end(process)
        if tools is not None:
            return Trial(tools=tools, seconds=seconds)
        if seconds >= limit_s:
            return Trial(seconds=seconds, problem=f"no answer within {limit_s:.0f} s")
        return Trial(seconds=seconds, problem=_last_words(errors) or "it ended without an answer")


def _apart(environ: Mapping[str, str], home: str) -> dict[str, str]:
    """Return the environment of a server that touches no data and takes no port."""
    kept = {name: text for name, text in environ.items() if name != "FLOWTRACE_DB_PATH"}
    return {**kept, "FLOWTRACE_HOME": home, "FLOWTRACE_LISTENER": "off"}


def _list_tools(process: "subprocess.Popen[bytes]") -> tuple[str, ...] | None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):  # it has ended; what it said tells more
        for message in _ASKED:
            process.stdin.write(json.dumps(message).encode() + b"\n")
        process.stdin.flush()
    while line := process.stdout.readline(LINE_LIMIT_BYTES):
        tools = _tools_in(line)
        if tools is not None:
            return tools
    return None


def _tools_in(line: bytes) -> tuple[str, ...] | None:
    """Return the names of the tools that an answer lists; None for any other line."""
    try:
        said: Any = json.loads(line)
        if said.get("id") != _LIST_ID:
            return None
        return tuple(str(tool["name"]) for tool in said["result"]["tools"])
    except (ValueError, AttributeError, KeyError, TypeError):
        return None


def _end(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError):
        process.stdin.close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(END_LIMIT_S)
    _kill(process)
    process.wait()
    process.stdout.close()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a server with all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def _last_words(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _LAST_WORDS_BYTES))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip()[:200] if lines else ""
