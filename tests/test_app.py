import logging
from collections.abc import Callable, Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from flowtrace_mcp.app import Application
from flowtrace_mcp.errors import SettingsError
from flowtrace_mcp.rest.ports import listen_on
from tests.waiting import wait_until

Open = Callable[..., Application]


@pytest.fixture
def open_program(tmp_path: Path) -> Iterator[Open]:
    opened = []

    def make(**more: str) -> Application:
        environ = {
            "FLOWTRACE_HOME": str(tmp_path / "home"),
            "FLOWTRACE_EMBEDDER": "off",
            "FLOWTRACE_PORT": "0",
            "FLOWTRACE_OTLP_HTTP_PORT": "0",
            "FLOWTRACE_OTLP_GRPC_PORT": "0",
            **more,
        }
        opened.append(Application(environ))
        return opened[-1]

    yield make
    for program in opened:
        program.close()


def test_a_program_that_is_never_warmed_up_opens_nothing(
    open_program: Open, tmp_path: Path
) -> None:
    program = open_program()
    program.mcp_server()

    assert program.settings.port == 0
    assert not (tmp_path / "home").exists()


def test_the_first_of_two_programs_listens_and_the_second_follows(open_program: Open) -> None:
    first, second = open_program(), open_program()
    first.warm_up()
    first.warm_up()
    wait_until(lambda: first.listener_facts().otlp_grpc_port is not None)
    second.warm_up()

    assert second.wait_until_warm(10)
    wait_until(lambda: second.listener_facts().owner_pid is not None)
    assert first.listener_facts().is_here
    assert not second.listener_facts().is_here
    assert second.listener_facts().rest_port == first.listener_facts().rest_port


@pytest.mark.parametrize("name", ["flowtrace", "flowtrace_mcp"])
def test_every_logger_of_ours_ends_in_the_log_file(open_program: Open, name: str) -> None:
    open_program().context()

    handlers = logging.getLogger(name).handlers

    assert any(isinstance(one, RotatingFileHandler) for one in handlers)


def test_without_a_listener_the_one_with_the_lease_does_the_background_work(
    open_program: Open,
) -> None:
    program = open_program(FLOWTRACE_LISTENER="off")
    program.warm_up()
    assert program.wait_until_warm(10)

    assert program._does_upkeep()
    assert program.listener_facts().rest_port is None


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_listener_that_is_required_and_cannot_be_had_refuses_to_serve(
    open_program: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = listen_on("127.0.0.1", 0)
    assert taken is not None
    with taken:
        port = str(taken.getsockname()[1])
        program = open_program(FLOWTRACE_LISTENER="required", FLOWTRACE_PORT=port)
        monkeypatch.setattr("signal.signal", lambda *_: None)

        with pytest.raises(SettingsError, match="taken by another program"):
            program.serve_forever()

    assert any("taken" in problem for problem in program.listener_facts().problems)


def test_a_file_that_cannot_be_opened_is_a_problem_that_status_tells(
    open_program: Open, tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "flowtrace.db").write_bytes(b"this is no database" * 400)
    program = open_program()
    program.warm_up()

    wait_until(lambda: program.listener_facts().problems)
    assert "damaged or not a SQLite file" in program.listener_facts().problems[0]
