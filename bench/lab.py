"""What the scripts of this folder share: servers to measure, clocks, and one form of report."""

import itertools
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
ANSWER_LIMIT_S = 60.0
_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "0"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
# The yardstick: what the MCP SDK itself costs, one tool and nothing else.
BARE_SERVER = """
import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}}

async def list_tools(context, params):
    tool = types.Tool(name="echo", description="Say it again", input_schema=SCHEMA)
    return types.ListToolsResult(tools=[tool])

async def call_tool(context, params):
    return types.CallToolResult(content=[types.TextContent(type="text", text="said")])

async def main():
    server = Server("bare", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read_stream, write_stream):
        await server.run(read_stream, write_stream, server.create_initialization_options())

anyio.run(main)
"""


@dataclass
class McpProcess:
    """A server on pipes, spoken to in plain JSON-RPC so that no client's time is measured."""

    process: "subprocess.Popen[bytes]"
    started_s: float
    era: str = LEGACY
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def pid(self) -> int:
        return self.process.pid

    def ask(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the answer to one request; raises when the server hangs up."""
        number = next(self._ids)
        asked = dict(params or {})
        if self.era == MODERN:
            asked["_meta"] = _META
        self._write({"jsonrpc": "2.0", "id": number, "method": method, "params": asked})
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            told = json.loads(line)
            if told.get("id") == number and "method" not in told:
                return dict(told)
        raise RuntimeError("the server closed its output")

    def open(self) -> None:
        """Do what a client does before its first call."""
        if self.era == MODERN:
            self.ask("server/discover")
        else:
            client = {"name": "bench", "version": "0"}
            self.ask(
                "initialize",
                {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": client},
            )
            self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})
        self.ask("tools/list")

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Return a tool's structured answer; raises on an error."""
        result = self.ask("tools/call", {"name": tool, "arguments": arguments})["result"]
        if result.get("isError"):
            raise RuntimeError(result["content"][0]["text"])
        return dict(result["structuredContent"])

    def ports(self) -> dict[str, int]:
        """Return the listener's ports once all of them are served by some process of ours."""
        until_s = time.monotonic() + ANSWER_LIMIT_S
        while time.monotonic() < until_s:
            listener = self.call("status")["listener"]
            if {"rest", "otlp_http", "otlp_grpc"} <= listener.keys():
                return dict(listener)
            time.sleep(0.05)
        raise RuntimeError("nobody listens")

    def close(self) -> float:
        """Close stdin and return the seconds until the process was gone."""
        assert self.process.stdin is not None
        began_s = time.perf_counter()
        self.process.stdin.close()
        self.process.wait(10)
        return time.perf_counter() - began_s

    def signal(self, number: int) -> float:
        """Send a signal and return the seconds until the process was gone."""
        began_s = time.perf_counter()
        self.process.send_signal(number)
        self.process.wait(10)
        return time.perf_counter() - began_s

    def kill(self) -> None:
        """End the process, whatever it does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the variables of a server with a data folder and ports of its own."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("FLOWTRACE_")}
    return kept | {
        "FLOWTRACE_HOME": str(home),
        "FLOWTRACE_PROJECT": "bench",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        **more,
    }


@contextmanager
def serving(
    home: Path, *, era: str = LEGACY, is_open: bool = True, **more: str
) -> Iterator[McpProcess]:
    """Start our server as an editor does; it is killed in the end."""
    with _started([sys.executable, "-m", "flowtrace_mcp"], environment(home, **more), era) as one:
        if is_open:
            one.open()
        yield one


@contextmanager
def serving_bare(*, era: str = LEGACY, is_open: bool = True) -> Iterator[McpProcess]:
    """Start a server of the SDK alone, the yardstick."""
    with _started([sys.executable, "-c", BARE_SERVER], dict(os.environ), era) as one:
        if is_open:
            one.open()
        yield one


@contextmanager
def _started(command: list[str], environ: dict[str, str], era: str) -> Iterator[McpProcess]:
    started_s = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
    )
    one = McpProcess(process=process, started_s=started_s, era=era)
    try:
        yield one
    finally:
        one.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@contextmanager
def data_folder() -> Iterator[Path]:
    """Lend a data folder on a real disk."""
    with tempfile.TemporaryDirectory(
        prefix="flowtrace-bench-", dir=os.environ.get("BENCH_DIR")
    ) as folder:
        yield Path(folder)


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process, pages shared with others included."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20, 1)


def peak_mib(pid: int) -> float:
    """Return the most resident memory that a process had since it began or ``forget_peak``."""
    status = Path(f"/proc/{pid}/status").read_text()
    kib = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(kib) / 1024, 1)


def forget_peak(pid: int) -> None:
    """Let ``peak_mib`` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def elapsed_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds that some work takes."""
    began_s = time.perf_counter()
    work()
    return (time.perf_counter() - began_s) * 1000


def spread(values: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Return min, p50, p95 and max of some figures."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    found = {"min": ordered[0], "p50": statistics.median(ordered), "p95": p95, "max": ordered[-1]}
    return {name: round(value, digits) for name, value in found.items()}


def report(claim: str, figures: Mapping[str, Any], **bars: bool) -> int:
    """Print one line of JSON; return 0 when every bar is met, else 1."""
    print(
        json.dumps(
            {
                "claim": claim,
                **figures,
                "bars": bars,
                "machine": {
                    "cpus": os.cpu_count(),
                    "python": platform.python_version(),
                    "system": platform.platform(),
                },
                "versions": {name: version(name) for name in ("flowtrace-mcp", "mcp", "apsw")},
            }
        ),
        flush=True,
    )
    return 0 if all(bars.values()) else 1
