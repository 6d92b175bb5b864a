"""What starts a program with a person's session: systemd, launchd and the Windows Task Scheduler.

Each is told by one file and a few commands. Nothing here touches the machine.
"""

import plistlib
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeAlias

from flowtrace_mcp.clients.table import Places

UNIT_NAME: Final = "flowtrace.service"
LAUNCHD_LABEL: Final = "flowtrace.serve"
TASK_NAME: Final = "Flowtrace"
DESCRIPTION: Final = "Flowtrace MCP: memory and observability for coding agents"
RESTART_AFTER_S: Final = 5
_TASK_SCHEMA: Final = "http://schemas.microsoft.com/windows/2004/02/mit/task"

Words: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceJob:
    """What is to be started, and for whom.

    Attributes:
        words: The command; on Windows one that opens no window.
        variables: What its environment says besides; the Task Scheduler takes none.
        user: Who it runs for, as Windows names them; "" elsewhere.
        user_id: The same as a number; 0 on Windows.
        home: The data folder.
    """

    words: Words
    variables: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    user_id: int = 0
    home: Path = Path()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManager:
    """One of the three: its file, and the commands that heed it.

    Attributes:
        name: As people call it.
        path: Where the file lies.
        render: Returns the file's bytes.
        probe: Ends with 0 where it runs for this person at all; empty = it always does.
        begin: Start now and with each session.
        end: Stop, and start no more; these may fail where nothing was begun.
        after_removal: Heed that the file is gone.
        look: Ends with 0 and prints the line ``running`` while the program runs.
        running: That line, the same in every language.
        without: What to do by hand where it does not run.
    """

    name: str
    path: Callable[[Places, ServiceJob], Path]
    render: Callable[[ServiceJob], bytes]
    probe: Words
    begin: Callable[[Path, ServiceJob], Sequence[Words]]
    end: Callable[[ServiceJob], Sequence[Words]]
    after_removal: Sequence[Words]
    look: Callable[[ServiceJob], Words]
    running: str
    without: str = ""


def manager_of(system: str) -> ServiceManager:
    """Return what starts programs on a system, as ``platform.system()`` names it."""
    return {"Darwin": LAUNCHD, "Windows": TASK_SCHEDULER}.get(system, SYSTEMD)


def _unit_word(text: str) -> str:
    """Return a word as systemd reads it back: quoted, with nothing in it expanded."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("\n", "\\n")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def _unit(job: ServiceJob) -> bytes:
    program, *arguments = map(_unit_word, job.words)
    # A dollar sign is a variable's in the arguments alone.
    command = " ".join([program, *(word.replace("$", "$$") for word in arguments)])
    settings = [_unit_word(f"{name}={value}") for name, value in job.variables.items()]
    lines = [
        "[Unit]",
        f"Description={DESCRIPTION}",
        "",
        "[Service]",
        *(f"Environment={setting}" for setting in settings),
        f"ExecStart={command}",
        "Restart=on-failure",
        f"RestartSec={RESTART_AFTER_S}",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines).encode()


def _agent(job: ServiceJob) -> bytes:
    said = {
        "Label": LAUNCHD_LABEL,
        "ProgramArguments": list(job.words),
        "EnvironmentVariables": dict(job.variables),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_AFTER_S,
        "ProcessType": "Background",
    }
    return plistlib.dumps(said, sort_keys=False)


def _task(job: ServiceJob) -> bytes:
    """Return a task: at logon, unseen, without a limit of time, on battery too."""
    program, *arguments = job.words
    told = {
        "RegistrationInfo": {"Description": DESCRIPTION},
        "Triggers": {"LogonTrigger": {"Enabled": "true", "UserId": job.user}},
        "Principals": {
            "Principal": {
                "UserId": job.user,
                "LogonType": "InteractiveToken",
                "RunLevel": "LeastPrivilege",
            }
        },
        "Settings": {
            "MultipleInstancesPolicy": "IgnoreNew",
            "DisallowStartIfOnBatteries": "false",
            "StopIfGoingOnBatteries": "false",
            "StartWhenAvailable": "true",
            "Hidden": "true",
            "ExecutionTimeLimit": "PT0S",
            "RestartOnFailure": {"Interval": "PT1M", "Count": "3"},
        },
        "Actions": {"Exec": {"Command": program, "Arguments": subprocess.list2cmdline(arguments)}},
    }
    task = ET.Element("Task", {"version": "1.2", "xmlns": _TASK_SCHEMA})
    _grow(task, told)
    ET.indent(task)
    text = ET.tostring(task, encoding="unicode")
    # UTF-16 with its mark is what `schtasks` reads everywhere.
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{text}\n'.replace("\n", "\r\n").encode(
        "utf-16"
    )


def _grow(parent: ET.Element, told: Mapping[str, object]) -> None:
    for name, value in told.items():
        child = ET.SubElement(parent, name)
        if isinstance(value, Mapping):
            _grow(child, value)
        else:
            child.text = str(value)


def _plist_path(places: Places, _: ServiceJob) -> Path:
    return places.home / "Library/LaunchAgents" / f"{LAUNCHD_LABEL}.plist"


def _domain(job: ServiceJob) -> str:
    return f"gui/{job.user_id}"


SYSTEMD: Final = ServiceManager(
    name="systemd",
    path=lambda places, _: places.xdg / "systemd/user" / UNIT_NAME,
    render=_unit,
    probe=("systemctl", "--user", "show-environment"),
    begin=lambda _path, _job: (
        ("systemctl", "--user", "daemon-reload"),
        ("systemctl", "--user", "enable", "--now", UNIT_NAME),
    ),
    end=lambda _: (("systemctl", "--user", "disable", "--now", UNIT_NAME),),
    after_removal=(("systemctl", "--user", "daemon-reload"),),
    look=lambda _: ("systemctl", "--user", "is-active", UNIT_NAME),
    running="active",
    without="let what starts programs here, such as cron's @reboot, start `flowtrace serve`",
)
LAUNCHD: Final = ServiceManager(
    name="launchd",
    path=_plist_path,
    render=_agent,
    probe=(),
    begin=lambda path, job: (("launchctl", "bootstrap", _domain(job), str(path)),),
    end=lambda job: (("launchctl", "bootout", f"{_domain(job)}/{LAUNCHD_LABEL}"),),
    after_removal=(),
    look=lambda job: ("launchctl", "print", f"{_domain(job)}/{LAUNCHD_LABEL}"),
    running="state = running",
)
_TASK_STATE: Final = f"(Get-ScheduledTask -TaskName {TASK_NAME}).State.value__"
TASK_SCHEDULER: Final = ServiceManager(
    name="the Task Scheduler",
    path=lambda _, job: job.home / "service.xml",
    render=_task,
    probe=(),
    begin=lambda path, _: (
        ("schtasks", "/Create", "/F", "/TN", TASK_NAME, "/XML", str(path)),
        ("schtasks", "/Run", "/TN", TASK_NAME),
    ),
    end=lambda _: (
        ("schtasks", "/End", "/TN", TASK_NAME),
        ("schtasks", "/Delete", "/F", "/TN", TASK_NAME),
    ),
    after_removal=(),
    look=lambda _: ("powershell", "-NoProfile", "-Command", _TASK_STATE),
    running="4",  # `schtasks` itself says it in the language of the system
)
