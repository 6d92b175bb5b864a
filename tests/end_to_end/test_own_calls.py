"""One prompt of Claude Code: its own trace, with what our server did for it, once each."""

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.stdio_server import INITIALIZE, Server
from tests.end_to_end.test_forward import Listener, environment
from tests.services.test_own_calls import CALL, TRACE, claude_prompt
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    listener = Listener(tmp_path, FLOWTRACE_REQUIRE_AUTH="false")
    listener.start()
    yield listener
    listener.kill()


@pytest.fixture
def editor(tmp_path: Path, listener: Listener) -> Iterator[Server]:
    """A server that Claude Code started beside the listener."""
    process = subprocess.Popen(
        [sys.executable, "-m", "flowtrace_mcp"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(tmp_path, CLAUDE_CODE_SESSION_ID="s-1", FLOWTRACE_PROJECT="shop"),
    )
    server = Server(process)
    server.ask("initialize", **INITIALIZE)
    yield server
    process.kill()
    process.wait(10)
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        stream.close()


Get = Callable[[str], Any]


@pytest.fixture
def get(listener: Listener) -> Get:
    def ask(path: str) -> Any:
        url = f"http://127.0.0.1:{listener.told()['rest']}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.loads(answer.read())

    return ask


def export(listener: Listener) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{listener.port}/v1/traces",
        claude_prompt(),
        {"Content-Type": "application/x-protobuf"},
    )
    urllib.request.urlopen(request, timeout=10).close()


def test_a_prompt_shows_what_our_server_did_also_when_it_has_ended_before(
    listener: Listener, editor: Server, get: Get
) -> None:
    done = editor.ask(
        "tools/call",
        name="remember",
        arguments={"content": "We deploy on Tuesdays"},
        _meta={"claudecode/toolUseId": CALL},
    )
    assert not done["result"].get("isError")
    wait_until(lambda: get("/api/v1/sessions")["items"], 10)
    editor.process.send_signal(signal.SIGINT)
    editor.process.wait(10)

    export(listener)
    trace = f"/api/v1/traces/{TRACE.hex()}"
    wait_until(lambda: len(get(trace)["spans"]) == 5, 20)

    told = get(trace)
    below = {span["name"]: span["parent_span_id"] for span in told["spans"]}
    ids = {span["name"]: span["span_id"] for span in told["spans"]}
    assert below["tools/call remember"] == ids["claude_code.tool"]
    assert below["upsert_memory"] == ids["tools/call remember"]
    assert told["totals"]["tool_calls"] == 1
    assert [row["trace_id"] for row in get("/api/v1/traces")["items"]] == [TRACE.hex()]
