"""The server as an editor runs it: a process on pipes."""

import os
import pty
import signal
import subprocess
import sys

import pytest

from tests.end_to_end.stdio_server import Start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


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
