"""`flowtrace service`, typed by hand, over a `systemctl` that keeps its word in a folder."""

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from flowtrace_mcp.cli.service import job_of, left_out
from flowtrace_mcp.clients.table import Places
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.own_command import OwnCommand
from flowtrace_mcp.settings import load_settings
from tests.cli.conftest import Type, Typed

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a script of sh")

SYSTEMCTL = """#!/bin/sh
case "$2" in
  enable) touch '{state}' ;;
  disable) rm -f '{state}' ;;
  is-active) test -e '{state}' && echo active ;;
esac
"""


@pytest.fixture
def unit(environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a `systemctl` on the path; return where the unit lies."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL.format(state=tmp_path / "running"))
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    return Path(environ["HOME"]) / ".config/systemd/user/flowtrace.service"


@pytest.mark.promise("service")
def test_it_is_shown_installed_seen_and_removed(typed: Type, unit: Path) -> None:
    nothing = typed("service").out
    shown = typed("service", "install", "--dry-run").out
    assert not unit.exists()
    installed = typed("service", "install")
    again = typed("service", "install").out
    seen = typed("service", "status").out
    removed = typed("service", "remove").out

    assert nothing.startswith("systemd does not start Flowtrace\n")
    assert f"+++ {unit}" in shown
    assert "$ systemctl --user enable --now flowtrace.service" in shown
    assert installed.code == 0
    assert str(unit) in installed.out
    assert again.startswith("nothing to change")
    assert seen.startswith("Flowtrace runs under systemd")
    assert "memories and traces are kept" in removed
    assert not unit.exists()


def test_a_program_reads_the_same(typed: Type, unit: Path) -> None:
    installed = typed("service", "install", "--json").body
    state = typed("service", "status", "--json").body

    assert installed["changed"] is True
    assert installed["commands"][0] == ["systemctl", "--user", "daemon-reload"]
    assert {name: state[name] for name in ("installed", "current", "running", "problem")} == {
        "installed": True,
        "current": True,
        "running": True,
        "problem": "",
    }


def test_one_of_another_data_folder_is_brought_up_to_date(
    typed: Type, unit: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    typed("service", "install")
    environ["FLOWTRACE_HOME"] = str(tmp_path / "other")

    assert "brings it up to date" in typed("service").out
    typed("service", "install")
    assert f'"FLOWTRACE_HOME={tmp_path / "other"}"' in unit.read_text()


def test_a_secret_does_not_go_into_the_file(
    typed: Type, unit: Path, environ: dict[str, str]
) -> None:
    environ |= {"FLOWTRACE_API_KEY": "hunter2", "FLOWTRACE_TOOLS": "all"}

    answer = typed("service", "install")

    assert "FLOWTRACE_API_KEY does not reach the service" in answer.out
    assert "hunter2" not in unit.read_text()
    assert 'Environment="FLOWTRACE_TOOLS=all"' in unit.read_text()


def test_without_systemd_it_says_what_to_do(
    typed: Type, unit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    answer = typed("service", "install")

    assert answer.code != 0
    assert "systemd does not run for you here" in answer.err
    assert "flowtrace serve" in answer.err
    assert "problem: systemctl" in typed("service").out
    assert not unit.exists()


def services_in(answer: Typed) -> list[tuple[str, str, str]]:
    checks = answer.body["checks"]
    return [
        (one["verdict"], one["found"], one["mend"]) for one in checks if one["name"] == "service"
    ]


def test_the_doctor_looks_at_a_service_that_is_there(
    typed: Type, unit: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    before = services_in(typed("doctor", "--json"))
    typed("service", "install")
    running = services_in(typed("doctor", "--json"))
    (tmp_path / "running").unlink()
    environ["FLOWTRACE_TOOLS"] = "all"
    stopped = services_in(typed("doctor", "--json"))

    assert before == []
    assert running == [("ok", "runs under systemd", "")]
    found = f"{unit}: is of another place or of other settings and does not run"
    assert stopped == [("warn", found, "flowtrace service install")]


def test_windows_is_told_a_python_without_a_window(tmp_path: Path) -> None:
    environ = {
        "FLOWTRACE_HOME": str(tmp_path),
        "FLOWTRACE_TOOLS": "all",
        "USERDOMAIN": "SHOP",
        "USERNAME": "ann",
    }
    places = Places(home=tmp_path, project=tmp_path, system="Windows", environ=environ)
    settings = load_settings(environ)
    command = OwnCommand(server=tmp_path / "flowtrace-mcp.exe", person=tmp_path / "flowtrace.exe")

    with pytest.raises(InputError, match=r"cannot find pythonw\.exe"):
        job_of(settings, command, places)
    (tmp_path / "pythonw.exe").touch()
    job = job_of(settings, command, places)

    assert job.words == (str(tmp_path / "pythonw.exe"), "-m", "flowtrace_mcp", "serve")
    assert job.user == "SHOP\\ann"
    assert left_out(settings, places) == [
        "FLOWTRACE_TOOLS does not reach the service: set it in flowtrace.toml",
        f'for the same data folder, once: setx FLOWTRACE_HOME "{tmp_path}"',
    ]


@pytest.mark.slow
def test_without_a_console_it_works_the_same(environ: dict[str, str]) -> None:
    line = f"exec '{sys.executable}' -m flowtrace_mcp remember 'Staging runs Postgres' >&- 2>&-"
    asked = [sys.executable, "-m", "flowtrace_mcp", "recall", "Postgres"]

    quiet = subprocess.run(["sh", "-c", line], env={**os.environ, **environ}, check=False)
    told = subprocess.run(asked, env={**os.environ, **environ}, capture_output=True, check=False)

    assert quiet.returncode == 0
    assert b"Staging runs Postgres" in told.stdout
