"""`flowtrace demo`: what Flowtrace does, shown with a real client and a real server."""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import anyio
import anyio.to_thread
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp.types import TextContent

from flowtrace_mcp.cli.demo_spans import send_exports, send_run_over_grpc, send_run_over_http
from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import BusyError, FlowtraceError, InputError
from flowtrace_mcp.services.switch_on import telemetry_variables

SESSION: Final = "demo-session"
PROJECT: Final = "demo-shop"
HOST: Final = "127.0.0.1"
DEMO_LIMIT_S: Final = 120.0
READY_LIMIT_S: Final = 20.0
LOOK_PERIOD_S: Final = 0.1

MEMORIES: Final[tuple[dict[str, Any], ...]] = (
    {
        "content": "We chose SQLite over Postgres for the order cache: one file, no service to run",
        "kind": "decision",
        "topic": "order-cache",
        "files": ["orders/cache.py"],
    },
    {
        "content": "The total of an order was wrong because discounts were rounded before tax;"
        " round once, at the end",
        "kind": "fix",
        "files": ["orders/total.py"],
    },
    {"content": "The user wants small commits with the reason in the body", "kind": "preference"},
    {
        "content": "Staging logs in with AWS key AKIAIOSFODNN7EXAMPLE, kept in the vault",
        "kind": "fact",
    },
)
# Of the recorded export.
CLAUDE_CODE_TRACE: Final = "ca1c5d3a1033f257aabe0d84dc80cfb9"
QUESTION: Final = "why were invoice amounts off by a cent"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--keep", metavar="FOLDER", type=Path, help="keep the demo's data in this folder"
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Play the demo in a data folder of its own; your memories and ports are left alone."""
    folder = _folder(arguments.keep)
    try:
        anyio.run(_Demo(call, folder).play)
    except* FlowtraceError as group:
        raise _first(group) from group
    except* (MCPError, TimeoutError) as group:
        raise FlowtraceError(
            "the demo's server gave no answer",
            why=str(_first(group)) or f"the demo has {DEMO_LIMIT_S:.0f} s",
            mend="run `flowtrace demo --keep FOLDER` and read server.log in it",
        ) from group
    finally:
        if arguments.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    return 0


def _folder(kept: Path | None) -> Path:
    """Return the demo's folder, whole, for its server works in another one."""
    if kept is None:
        return Path(tempfile.mkdtemp(prefix="flowtrace-demo-"))
    try:
        kept.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot keep the demo in {str(kept)!r}",
            why=error.strerror or "it cannot be made",
            mend="give --keep a folder",
        ) from error
    return kept.resolve()


class _Demo:
    """The transcript: each step is done for real, timed, and shown."""

    def __init__(self, call: Call, folder: Path) -> None:
        self._output = call.output
        self._folder = folder
        self._steps: list[dict[str, object]] = []
        self._began_s = time.perf_counter()

    async def play(self) -> None:
        """Play every scene in order."""
        with anyio.fail_after(DEMO_LIMIT_S):
            async with self._server("an editor starts the server, and lists its tools") as client:
                await self._remember(client)
            async with self._server("the editor is opened again: a new process") as client:
                ports = await self._ready(client)
                await self._recall(client)
                await self._send(ports)
                await self._trace(client)
        self._close()

    @asynccontextmanager
    async def _server(self, what: str) -> AsyncIterator[Client]:
        """Start a server process with a client on its pipes, as an editor holds it."""
        parameters = StdioServerParameters(
            command=sys.executable,
            args=["-m", "flowtrace_mcp"],
            env=_environment(self._folder),
            cwd=self._folder,
        )
        began_s = time.perf_counter()
        with (self._folder / "server.log").open("a", encoding="utf-8") as log:
            async with Client(stdio_client(parameters, errlog=log), mode="auto") as client:
                listed = await client.list_tools()
                names = ", ".join(tool.name for tool in listed.tools)
                self.tell("start", what, names, time.perf_counter() - began_s)
                yield client

    async def _remember(self, client: Client) -> None:
        for memory in MEMORIES:
            await self.call(client, "remember", memory, shown=memory["content"])

    async def _recall(self, client: Client) -> None:
        await self.call(client, "recall", {"query": QUESTION, "limit": 2}, shown=f'"{QUESTION}"')
        changed = {
            "content": "The order cache moved to Redis: several hosts share it now",
            "kind": "decision",
            "topic": "order-cache",
        }
        await self.call(client, "remember", changed, shown=changed["content"])

    async def _ready(self, client: Client) -> Mapping[str, int]:
        """Wait for what begins after the first answer: the ports, and vectors for what waits."""
        with anyio.move_on_after(READY_LIMIT_S):
            while True:
                told = (await client.call_tool("status", {})).structured_content or {}
                ports: dict[str, int] = told.get("listener", {})
                is_ready = told.get("model", "").endswith("(ready)")
                if {"rest", "otlp_http", "otlp_grpc"} <= ports.keys() and is_ready:
                    shown = ", ".join(f"{name} {number}" for name, number in ports.items())
                    self.tell("status", "the server listens, on free ports of its own", shown)
                    return ports
                await anyio.sleep(LOOK_PERIOD_S)
        raise BusyError(
            "the demo's server does not get ready",
            why=f"ports and model were not there within {READY_LIMIT_S:.0f} s",
            mend="run `flowtrace doctor`",
        )

    async def _send(self, ports: Mapping[str, int]) -> None:
        http_port, grpc_port = ports["otlp_http"], ports["otlp_grpc"]
        await self.time(
            "OpenTelemetry SDK",
            "an agent's run is sent over OTLP/HTTP, span by span",
            lambda: f"trace {send_run_over_http(HOST, http_port, SESSION)}",
        )
        await self.time(
            "OpenTelemetry SDK",
            "another run, over OTLP/gRPC",
            lambda: f"trace {send_run_over_grpc(HOST, grpc_port, SESSION)}",
        )
        await self.time(
            "recorded exports",
            "what Claude Code, Codex and OpenInference really sent, once recorded",
            lambda: "\n".join(
                f"{sent.name}: {sent.size_bytes:,} bytes, HTTP {sent.status}"
                for sent in send_exports(HOST, http_port)
            ),
        )

    async def _trace(self, client: Client) -> None:
        everything = {"session": "all", "limit": 8, "budget": 4000}
        await self.call(client, "traces", everything, shown="everything that arrived")
        await self.call(client, "traces", {"view": "tree"}, shown="your own session's last run")
        await self.call(client, "traces", {"view": "errors"}, shown="what failed in it")
        claude = {"trace_id": CLAUDE_CODE_TRACE}
        await self.call(client, "traces", claude, shown="what Claude Code did and what it cost")
        await self.call(client, "status", {}, shown="what is stored", only="stored")

    async def call(
        self,
        client: Client,
        tool: str,
        arguments: dict[str, Any],
        *,
        shown: str,
        only: str = "",
    ) -> None:
        """Call a tool and show its answer, or only the line of it that begins so."""
        began_s = time.perf_counter()
        answer = await client.call_tool(tool, arguments)
        text = "\n".join(part.text for part in answer.content if isinstance(part, TextContent))
        if answer.is_error:
            raise FlowtraceError(f"{tool} failed in the demo", why=text)
        kept = [line for line in text.splitlines() if line.startswith(only)]
        self.tell(tool, shown, "\n".join(kept), time.perf_counter() - began_s)

    async def time(self, step: str, what: str, work: Callable[[], str]) -> None:
        """Do something on a thread and show what came of it."""
        began_s = time.perf_counter()
        result = await anyio.to_thread.run_sync(work)
        self.tell(step, what, result, time.perf_counter() - began_s)

    def tell(self, step: str, what: str, result: str, took_s: float | None = None) -> None:
        """Show one step."""
        took_ms = None if took_s is None else round(took_s * 1000, 1)
        self._steps.append({"step": step, "what": what, "result": result, "ms": took_ms})
        if self._output.is_json:
            return
        timing = "" if took_ms is None else f"  ({took_ms:,.1f} ms)"
        self._output.say(f"\n> {step}: {what}{timing}", Style.BOLD)
        self._output.say_wrapped(result, "    ")

    def _close(self) -> None:
        took_s = round(time.perf_counter() - self._began_s, 1)
        if self._output.is_json:
            self._output.answer({"steps": self._steps, "seconds": took_s})
            return
        say = self._output.say
        say(f"\nDone in {took_s} s.", Style.BOLD)
        say("Cost (usd) is the sender's own figure, else what the tokens cost by list price.")
        say("\nTo connect an editor, give it this server:", Style.BOLD)
        say('  {"mcpServers": {"flowtrace": {"command": "flowtrace-mcp"}}}')
        say("or, with Claude Code:\n  claude mcp add flowtrace -- flowtrace-mcp")
        say("and to see what Claude Code does, start it with:")
        for assignment in telemetry_variables("claude-code", 4318).split():
            say(f"  export {assignment}")


def _environment(folder: Path) -> dict[str, str]:
    """Return a server's variables: any free ports, and a session that spans can be joined to."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return inherited | {
        "FLOWTRACE_HOME": str(folder),
        "FLOWTRACE_PROJECT": PROJECT,
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
        "CLAUDE_CODE_SESSION_ID": SESSION,
    }


def _first(group: BaseExceptionGroup[Any]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
