import plistlib
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path, PureWindowsPath

import pytest

from flowtrace_mcp.clients.service_managers import (
    LAUNCHD,
    SYSTEMD,
    TASK_SCHEDULER,
    ServiceJob,
    manager_of,
)
from flowtrace_mcp.clients.table import Places

PLAIN = ServiceJob(words=("/opt/flowtrace-mcp", "serve"), variables={"FLOWTRACE_HOME": "/data"})
ODD = ServiceJob(
    words=("/opt/my 100%/$HOME/flowtrace-mcp", "$serve"),
    variables={"FLOWTRACE_HOME": 'C:\\of "mine" $5 at 3%'},
    user_id=501,
)
WINDOWS = ServiceJob(
    words=("C:\\Program Files\\Python\\pythonw.exe", "-m", "flowtrace_mcp", "serve"),
    user="SHOP\\Ann & Bob",
    home=Path("/data"),
)


def places(system: str, **environ: str) -> Places:
    return Places(home=Path("/home/ann"), project=Path("/shop"), system=system, environ=environ)


def text_at(task: ET.Element, path: str) -> str | None:
    schema = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    return task.findtext("/".join(schema + name for name in path.split("/")))


def test_each_system_has_its_own() -> None:
    found = [manager_of(system).name for system in ("Linux", "FreeBSD", "Darwin", "Windows")]

    assert found == ["systemd", "systemd", "launchd", "the Task Scheduler"]


def test_the_file_lies_where_the_system_looks() -> None:
    assert SYSTEMD.path(places("Linux"), PLAIN) == Path(
        "/home/ann/.config/systemd/user/flowtrace.service"
    )
    assert SYSTEMD.path(places("Linux", XDG_CONFIG_HOME="/etc/ann"), PLAIN) == Path(
        "/etc/ann/systemd/user/flowtrace.service"
    )
    assert LAUNCHD.path(places("Darwin"), PLAIN) == Path(
        "/home/ann/Library/LaunchAgents/flowtrace.serve.plist"
    )
    assert TASK_SCHEDULER.path(places("Windows"), WINDOWS) == Path("/data/service.xml")


def test_a_unit_starts_the_command_with_the_session_and_again_after_a_crash() -> None:
    lines = SYSTEMD.render(PLAIN).decode().splitlines()

    assert 'ExecStart="/opt/flowtrace-mcp" "serve"' in lines
    assert 'Environment="FLOWTRACE_HOME=/data"' in lines
    assert {"Restart=on-failure", "WantedBy=default.target"} <= set(lines)


def test_nothing_in_a_unit_is_expanded() -> None:
    lines = SYSTEMD.render(ODD).decode().splitlines()

    assert 'ExecStart="/opt/my 100%%/$HOME/flowtrace-mcp" "$$serve"' in lines
    assert 'Environment="FLOWTRACE_HOME=C:\\\\of \\"mine\\" $5 at 3%%"' in lines


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_itself_finds_no_fault_in_a_unit(tmp_path: Path) -> None:
    command = tmp_path / "my 100% $HOME command"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    unit = tmp_path / "flowtrace.service"
    unit.write_bytes(SYSTEMD.render(ServiceJob(words=(str(command), "serve"))))

    done = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(unit)],
        env={"XDG_RUNTIME_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "flowtrace.service" not in done.stdout + done.stderr


def test_a_launch_agent_starts_the_command_and_again_after_a_crash() -> None:
    said = plistlib.loads(LAUNCHD.render(ODD))

    assert said["ProgramArguments"] == list(ODD.words)
    assert said["EnvironmentVariables"] == ODD.variables
    assert said["RunAtLoad"] is True
    assert said["KeepAlive"] == {"SuccessfulExit": False}


def test_launchd_is_told_in_the_domain_of_the_person() -> None:
    (begin,) = LAUNCHD.begin(Path("/a.plist"), ODD)
    (end,) = LAUNCHD.end(ODD)

    assert begin == ("launchctl", "bootstrap", "gui/501", "/a.plist")
    assert end == ("launchctl", "bootout", "gui/501/flowtrace.serve")
    assert LAUNCHD.look(ODD) == ("launchctl", "print", "gui/501/flowtrace.serve")


def test_a_task_starts_at_logon_with_no_window_and_no_limit_of_time() -> None:
    data = TASK_SCHEDULER.render(WINDOWS)
    task = ET.fromstring(data.decode("utf-16").partition("?>")[2].strip())

    assert data.startswith((b"\xff\xfe", b"\xfe\xff"))
    assert text_at(task, "Actions/Exec/Command") == WINDOWS.words[0]
    assert PureWindowsPath(WINDOWS.words[0]).name == "pythonw.exe"
    assert text_at(task, "Actions/Exec/Arguments") == "-m flowtrace_mcp serve"
    assert text_at(task, "Triggers/LogonTrigger/UserId") == "SHOP\\Ann & Bob"
    assert text_at(task, "Principals/Principal/RunLevel") == "LeastPrivilege"
    assert text_at(task, "Settings/ExecutionTimeLimit") == "PT0S"
    assert text_at(task, "Settings/DisallowStartIfOnBatteries") == "false"
    assert text_at(task, "Settings/RestartOnFailure/Count") == "3"


def test_the_task_scheduler_is_told_the_file_and_asked_in_no_language() -> None:
    create, start = TASK_SCHEDULER.begin(Path("/data/service.xml"), WINDOWS)

    assert create == ("schtasks", "/Create", "/F", "/TN", "Flowtrace", "/XML", "/data/service.xml")
    assert start == ("schtasks", "/Run", "/TN", "Flowtrace")
    assert [words[1] for words in TASK_SCHEDULER.end(WINDOWS)] == ["/End", "/Delete"]
    assert (
        TASK_SCHEDULER.look(WINDOWS)[-1] == "(Get-ScheduledTask -TaskName Flowtrace).State.value__"
    )
