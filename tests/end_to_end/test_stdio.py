"""The server as an editor runs it: a process on pipes."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "0"},
}


class Server:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._count = 0

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._count += 1
        request = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        self.process.stdin.write(json.dumps(request).encode() + b"\n")
        self.process.stdin.flush()
        while line := self.process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            if answer.get("id") == self._count:
                return answer
        raise AssertionError("the server closed its output")

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        result: dict[str, Any] = self.ask("tools/call", name=tool, arguments=arguments)["result"]
        return result

    def end_input(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()


Start = Callable[[], Server]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if "FLOWTRACE" not in name} | {
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_PROJECT": "shop",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
    }


@pytest.fixture
def start(environ: dict[str, str]) -> Iterator[Start]:
    started = []

    def begin() -> Server:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowtrace_mcp"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environ,
        )
        started.append(process)
        server = Server(process)
        server.ask("initialize", **INITIALIZE)
        return server

    yield begin
    for process in started:
        process.kill()
        process.wait(10)
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, None])
def test_a_server_leaves_when_asked_and_what_it_answered_is_kept(
    start: Start, number: signal.Signals | None
) -> None:
    server = start()
    server.ask("tools/list")
    kept = server.call("remember", content="Answered before the end")

    if number is None:
        server.end_input()
    else:
        server.process.send_signal(number)

    assert server.process.wait(10) == 0
    found = start().call("recall", query="answered before the end")
    assert found["structuredContent"]["memories"][0]["id"] == kept["structuredContent"]["id"]


def test_a_session_goes_on_after_what_it_cannot_read(start: Start) -> None:
    server = start()
    assert server.process.stdin is not None
    server.process.stdin.write(b"this is not JSON\n")
    server.process.stdin.flush()

    assert "error" in server.ask("no/such/method")
    assert server.call("recall", query="")["isError"]
    assert not server.call("status")["isError"]


def test_at_a_terminal_it_says_what_it_waits_for(environ: dict[str, str]) -> None:
    screen, keyboard = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "flowtrace_mcp"],
        stdin=keyboard,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environ,
    )
    with process:
        assert process.stderr is not None
        said = process.stderr.readline() + process.stderr.readline()
        process.kill()
    os.close(keyboard)
    os.close(screen)

    assert b"as an editor starts it" in said
    assert b"flowtrace --help" in said
