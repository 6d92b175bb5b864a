import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.app import Application
from flowtrace_mcp.cli import checks
from flowtrace_mcp.cli.port_holders import Process, find_holder, is_alive, is_taken
from flowtrace_mcp.services.status import ListenerFacts
from tests.cli.conftest import Type


@pytest.fixture
def home(environ: dict[str, str]) -> Path:
    """Make the data folder, closed to others."""
    folder = Path(environ["FLOWTRACE_HOME"])
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def listening(environ: dict[str, str]) -> Iterator[ListenerFacts]:
    """Serve the data folder, as an editor's process does; return who serves which port."""
    program = Application(environ, listen=True)
    program.warm_up()
    assert program.wait_until_warm(8)
    yield program.listener_facts()
    program.close()


@pytest.fixture
def held_port() -> Iterator[int]:
    """Hold a port as a program that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def found(typed: Type, name: str) -> dict[str, Any]:
    """Return the doctor's check of a name."""
    (check,) = (one for one in typed("doctor", "--json").body["checks"] if one["name"] == name)
    assert isinstance(check, dict)
    return check


def ended_pid() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(10)
    return process.pid


def test_a_sound_installation_has_no_failure(typed: Type) -> None:
    typed("remember", "Staging runs Postgres 16")

    answer = typed("doctor")

    assert answer.code == 0
    assert answer.out.splitlines()[-1].startswith("0 failed")
    assert "sound" in answer.out
    assert "memories 1" in answer.out


def test_nothing_is_made_by_looking(typed: Type, environ: dict[str, str]) -> None:
    answer = typed("doctor", "--json").body

    assert answer["failures"] == 0
    database = next(one for one in answer["checks"] if one["name"] == "database")
    assert "made at the first start" in database["found"]


def test_wrong_settings_are_a_failed_check_with_its_mend(
    typed: Type, environ: dict[str, str]
) -> None:
    environ["FLOWTRACE_PORT"] = "many"

    answer = typed("doctor")

    assert answer.code == 1
    assert "fail settings        FLOWTRACE_PORT cannot be 'many'" in answer.out
    assert "mend: correct or remove it" in answer.out


def test_a_settings_file_is_named(typed: Type, home: Path) -> None:
    (home / "flowtrace.toml").write_text("[server]\nport = 0\n")

    assert found(typed, "settings")["found"] == f"{home / 'flowtrace.toml'} is read"


def test_a_missing_library_is_a_failure(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PARTS", ("apsw", "no-such-library"))

    check = found(typed, "libraries")

    assert check["verdict"] == "fail"
    assert check["found"] == "not installed: no-such-library"


def test_a_missing_git_is_worth_a_look(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    assert found(typed, "git")["verdict"] == "warn"


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_data_folder_open_to_others_is_worth_a_look(typed: Type, home: Path) -> None:
    home.chmod(0o755)

    check = found(typed, "data folder")

    assert check["verdict"] == "warn"
    assert check["mend"] == f"chmod 700 '{home}'"


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="every folder is writable for root"
)
def test_a_data_folder_that_cannot_be_written_is_a_failure(typed: Type, home: Path) -> None:
    home.chmod(0o500)

    assert found(typed, "data folder")["verdict"] == "fail"


@pytest.mark.parametrize(
    ("free_bytes", "verdict"),
    [(99_999_999, "fail"), (100_000_000, "warn"), (999_999_999, "warn"), (1_000_000_000, "ok")],
)
def test_little_room_on_the_disk_is_told(
    typed: Type, monkeypatch: pytest.MonkeyPatch, free_bytes: int, verdict: str
) -> None:
    usage = type(checks.shutil.disk_usage("/"))(10**12, 10**12 - free_bytes, free_bytes)
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage)

    assert found(typed, "disk")["verdict"] == verdict


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_token_that_others_may_read_is_a_failure(typed: Type, home: Path) -> None:
    (home / "token").write_text("t" * 43)
    (home / "token").chmod(0o644)

    answer = typed("doctor")

    assert answer.code == 1
    assert "readable by other users" in answer.out
    assert "t" * 43 not in answer.out


def test_a_token_for_its_owner_alone_is_in_order(typed: Type, home: Path) -> None:
    (home / "token").write_text("t" * 43)
    (home / "token").chmod(0o600)

    assert found(typed, "token")["verdict"] == "ok"


def test_a_token_of_ones_own_is_not_shown(typed: Type, environ: dict[str, str]) -> None:
    environ["FLOWTRACE_API_KEY"] = "hunter2"

    answer = typed("doctor")

    assert "your own, from FLOWTRACE_API_KEY" in answer.out
    assert "hunter2" not in answer.out


def test_a_file_that_is_no_database_is_a_failure(typed: Type, home: Path) -> None:
    (home / "flowtrace.db").write_text("a text that is no database " * 50)

    check = found(typed, "database")

    assert check["verdict"] == "fail"
    assert check["mend"]


def test_an_embedder_that_there_is_not_is_a_failure(typed: Type, environ: dict[str, str]) -> None:
    environ["FLOWTRACE_EMBEDDER"] = "word2vec"

    check = found(typed, "settings")

    assert check["verdict"] == "fail"
    assert "minilm" in check["found"] + check["mend"]


def test_the_models_files_are_tried(typed: Type, environ: dict[str, str]) -> None:
    environ["FLOWTRACE_EMBEDDER"] = "minilm"

    check = found(typed, "embedder")

    assert check["verdict"] == "ok"
    assert check["found"].endswith("a text embedded")


def test_the_process_that_listens_and_its_ports_are_named(
    typed: Type, listening: ListenerFacts
) -> None:
    answer = typed("doctor").out

    assert f"process {os.getpid()} on 127.0.0.1:{listening.rest_port}" in answer
    assert f"{listening.otlp_http_port}: ours, process {os.getpid()}" in answer


def test_a_listener_that_has_ended_is_worth_a_look(typed: Type, home: Path, held_port: int) -> None:
    told = {"ports": {"rest": held_port}, "pid": ended_pid()}
    (home / "listener.json").write_text(json.dumps(told))

    check = found(typed, "listener")

    assert check["verdict"] == "warn"
    assert check["found"].endswith("has ended")


def test_a_listener_of_other_data_is_not_taken_for_ours(
    typed: Type, listening: ListenerFacts, environ: dict[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    told = {"ports": {"rest": listening.rest_port}, "pid": os.getpid()}
    (other / "listener.json").write_text(json.dumps(told))
    environ |= {"FLOWTRACE_HOME": str(other), "FLOWTRACE_PORT": str(listening.rest_port)}

    assert "does not answer for this data" in found(typed, "listener")["found"]
    assert "a Flowtrace of another data folder" in found(typed, "port REST")["found"]


def test_a_port_that_another_program_holds_is_worth_a_look(
    typed: Type, environ: dict[str, str], held_port: int
) -> None:
    environ["FLOWTRACE_OTLP_GRPC_PORT"] = str(held_port)

    check = found(typed, "port OTLP/gRPC")

    assert check["verdict"] == "warn"
    assert check["found"].startswith(f"{held_port}: held by ")
    assert "FLOWTRACE_OTLP_GRPC_PORT" in check["mend"]


def test_a_port_that_nobody_holds_is_free(typed: Type, environ: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    environ["FLOWTRACE_OTLP_HTTP_PORT"] = str(port)

    assert found(typed, "port OTLP/HTTP")["found"] == f"{port}: free"


def test_a_port_is_taken_while_somebody_listens(held_port: int) -> None:
    assert is_taken("127.0.0.1", held_port)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_holder_of_a_port_is_found(held_port: int) -> None:
    holder = find_holder(held_port)

    assert holder is not None
    assert holder.pid == os.getpid()
    assert str(holder) == f"{holder.name} (process {os.getpid()})"


def test_without_proc_no_holder_is_found(held_port: int, tmp_path: Path) -> None:
    assert find_holder(held_port, tmp_path) is None


@pytest.mark.skipif(os.name != "posix", reason="links in a made-up /proc")
def test_a_holder_of_another_user_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    row = "0: 0100007F:2580 00000000:0000 0A 0:0 0:0 0 1000 0 4711 1"
    (tmp_path / "net" / "tcp").write_text("header\n" + row + "\n")
    (tmp_path / "12").mkdir()  # without fd: not ours to look at

    assert find_holder(9600, tmp_path) is None

    (tmp_path / "13" / "fd").mkdir(parents=True)
    (tmp_path / "13" / "fd" / "3").symlink_to("socket:[4711]")
    (tmp_path / "13" / "comm").write_text("nginx\n")
    assert find_holder(9600, tmp_path) == Process(pid=13, name="nginx")


def test_a_process_lives_until_it_ends() -> None:
    assert is_alive(os.getpid())
    assert not is_alive(ended_pid())


def test_a_damaged_database_is_repaired_and_the_original_kept(
    typed: Type, environ: dict[str, str]
) -> None:
    typed("remember", "Staging runs Postgres 16")
    path = Path(environ["FLOWTRACE_HOME"]) / "flowtrace.db"

    sound = typed("doctor", "--repair")
    told = typed("doctor", "--repair", "--json")

    assert sound.code == 0
    assert "memories 1" in sound.out
    assert told.body["rows"]["memories"] == 1
    assert (Path(told.body["kept_aside"]) / path.name).is_file()
    assert "Postgres" in typed("recall", "Postgres").out
