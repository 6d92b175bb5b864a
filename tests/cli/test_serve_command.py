"""`flowtrace serve` as a service manager runs it: a process that a signal ends."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

Serving = Callable[..., "subprocess.Popen[str]"]
EXIT_LIMIT_S = 20


@pytest.fixture
def serve(environ: dict[str, str]) -> Iterator[Serving]:
    started: list[subprocess.Popen[str]] = []

    def begin(**more: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "flowtrace_mcp", "serve"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=_without_ours() | environ | more,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def _without_ours() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if "FLOWTRACE" not in name}


def line_with(process: "subprocess.Popen[str]", part: str) -> str:
    """Read stderr up to the line that holds a text, and return it."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if part in line:
            return line
        said.append(line)
    raise AssertionError(f"{part!r} was never said, but: {''.join(said)}")


def test_it_says_where_it_listens_answers_there_and_ends_with_a_signal(serve: Serving) -> None:
    process = serve()
    found = re.search(r"listening on 127\.0\.0\.1:(\d+)", line_with(process, "REST"))
    assert found is not None
    connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=10)
    connection.request("GET", "/health")
    answer = connection.getresponse()
    health = json.loads(answer.read())
    connection.close()

    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=EXIT_LIMIT_S)

    assert answer.status == 200
    assert "data_folder_id" in health
    assert process.returncode == 0
    assert out == ""


def test_an_interrupt_ends_it_too(serve: Serving) -> None:
    process = serve()
    line_with(process, "REST")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=EXIT_LIMIT_S)

    assert process.returncode == 0


def test_a_second_one_names_the_first_and_waits_its_turn(serve: Serving) -> None:
    first = serve()
    line_with(first, "REST")

    second = serve()

    assert f"process {first.pid} listens already" in line_with(second, "listens already")
    assert line_with(second, "REST").startswith("it listens on 127.0.0.1:")
    second.send_signal(signal.SIGTERM)
    second.communicate(timeout=EXIT_LIMIT_S)
    assert second.returncode == 0
    assert first.poll() is None


def test_one_that_may_not_listen_says_so(serve: Serving) -> None:
    process = serve(FLOWTRACE_LISTENER="off")

    assert "FLOWTRACE_LISTENER is off" in line_with(process, "listening nowhere")


def test_wrong_settings_are_said_at_once(serve: Serving) -> None:
    process = serve(FLOWTRACE_LISTENER="sometimes")

    _, said = process.communicate(timeout=EXIT_LIMIT_S)

    assert process.returncode not in (0, None)
    assert "FLOWTRACE_LISTENER cannot be 'sometimes'" in said


def test_a_file_that_is_no_database_is_said_at_once(
    serve: Serving, environ: dict[str, str]
) -> None:
    home = Path(environ["FLOWTRACE_HOME"])
    home.mkdir()
    (home / "flowtrace.db").write_text("not a database, but a text that is long enough" * 20)
    process = serve()

    _, said = process.communicate(timeout=EXIT_LIMIT_S)

    assert process.returncode not in (0, None)
    assert "error:" in said
