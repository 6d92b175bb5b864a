"""Clients that hang on: a thousand that say nothing, some that dribble, one that does not read."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
IDLE = 1000
DRIBBLING = 50

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Serve in a process of its own; return its REST port."""
    environ = {
        **os.environ,
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_REQUIRE_AUTH": "false",
        "FLOWTRACE_PORT": "0",
        "FLOWTRACE_OTLP_HTTP_PORT": "0",
        "FLOWTRACE_OTLP_GRPC_PORT": "0",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "flowtrace_mcp", "serve"], env=environ, cwd=ROOT
    )
    told = tmp_path / "listener.json"
    try:
        wait_until(told.exists, 30)
        yield int(json.loads(told.read_text(encoding="utf-8"))["ports"]["rest"])
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int) -> bool:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
        return bool(answer.status == 200)


def post(port: int, content: str) -> None:
    body = json.dumps({"content": content, "project": "shop"}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v1/memories",
        body,
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_a_thousand_that_say_nothing_and_some_that_dribble_keep_nobody_out(port: int) -> None:
    with ExitStack() as held:
        for number in range(IDLE + DRIBBLING):
            one = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            if number >= IDLE:  # a head that never ends
                one.sendall(b"POST /api/v1/memories HTTP/1.1\r\nHost: localhost\r\nX-A: ")

        assert answers(port)
        post(port, "Written among a thousand others")

    assert answers(port)


def test_a_client_that_does_not_read_keeps_nobody_out(port: int) -> None:
    for number in range(40):
        post(port, f"fact {number} " + "words " * 2000)
    asked = b"GET /api/v1/memories/export?all=true HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as held:
        for _ in range(8):  # more than there are workers
            one = held.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.connect(("127.0.0.1", port))
            one.sendall(asked)

        post(port, "Written while others do not read")

    assert answers(port)
