import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from flowtrace_mcp.clients.service_managers import LAUNCHD, SYSTEMD, ServiceJob, ServiceManager
from flowtrace_mcp.clients.table import Places
from flowtrace_mcp.errors import FlowtraceError, InputError, NotFoundError
from flowtrace_mcp.services import always_on
from flowtrace_mcp.services.always_on import AlwaysOn, Ran, run_command

JOB = ServiceJob(words=("/opt/flowtrace-mcp", "serve"), variables={"FLOWTRACE_HOME": "/data"})
OTHER_JOB = ServiceJob(words=("/usr/bin/flowtrace-mcp", "serve"))


@dataclass
class Machine:
    """A machine whose service manager heeds what it is told.

    Attributes:
        is_there: Whether the manager runs for this person.
        is_stubborn: Whether what was started cannot be ended.
        fails: A word whose command fails.
    """

    is_there: bool = True
    is_stubborn: bool = False
    fails: str = ""
    is_running: bool = False
    ran: list[str] = field(default_factory=list)

    def run(self, words: tuple[str, ...]) -> Ran:
        if {"show-environment", "is-active", "print"}.isdisjoint(words):
            self.ran.append(" ".join(words))
        if self.fails in words:
            return Ran(code=5, said=f"first line\n{self.fails} refused")
        if "show-environment" in words and not self.is_there:
            return Ran(code=1, said="no bus")
        if {"is-active", "print"} & set(words):
            said = "active" if "is-active" in words else "\tstate = running"
            return Ran(code=0 if self.is_running else 3, said=said if self.is_running else "")
        if {"enable", "bootstrap"} & set(words):
            self.is_running = True
        if {"disable", "bootout"} & set(words):
            if not self.is_running:
                return Ran(code=1, said="not loaded")
            self.is_running = self.is_stubborn
        return Ran(code=0, said="")


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path, project=tmp_path, system="Linux")


def service(
    machine: Machine, places: Places, manager: ServiceManager = SYSTEMD, job: ServiceJob = JOB
) -> AlwaysOn:
    return AlwaysOn(manager, places, job, machine.run)


def install(one: AlwaysOn) -> None:
    one.install(one.plan_install())


def remove(one: AlwaysOn) -> None:
    one.remove(one.plan_removal())


@pytest.mark.parametrize("manager", [SYSTEMD, LAUNCHD], ids=lambda one: one.name)
def test_it_is_installed_seen_and_removed(
    machine: Machine, places: Places, manager: ServiceManager
) -> None:
    one = service(machine, places, manager)
    before = one.state()

    install(one)
    during = one.state()
    remove(one)
    after = one.state()

    assert (before.is_installed, before.is_running) == (False, False)
    assert (during.is_installed, during.is_current, during.is_running) == (True, True, True)
    assert (after.is_installed, after.is_running) == (False, False)
    assert not after.path.exists()


def test_a_second_installation_does_nothing(machine: Machine, places: Places) -> None:
    install(service(machine, places))
    machine.ran.clear()

    install(service(machine, places))

    assert machine.ran == []


def test_one_that_has_stopped_is_started_again(machine: Machine, places: Places) -> None:
    install(service(machine, places))
    machine.is_running = False

    install(service(machine, places))

    assert machine.is_running


def test_a_command_that_has_moved_is_ended_and_started_anew(
    machine: Machine, places: Places
) -> None:
    install(service(machine, places))
    moved = service(machine, places, job=OTHER_JOB)
    was_current = moved.state().is_current
    machine.ran.clear()

    install(moved)

    assert not was_current
    assert moved.state().is_current
    assert [line.split()[2] for line in machine.ran] == ["disable", "daemon-reload", "enable"]


def test_where_nothing_heeds_it_nothing_is_written(machine: Machine, places: Places) -> None:
    machine.is_there = False
    one = service(machine, places)

    with pytest.raises(FlowtraceError, match="systemd does not run for you here: no bus") as told:
        install(one)

    assert "flowtrace serve" in told.value.mend
    assert not one.state().path.exists()
    assert one.state().problem == "no bus"


def test_a_plan_changes_nothing(machine: Machine, places: Places) -> None:
    one = service(machine, places)

    plan = one.plan_install()

    assert plan.change.after is not None
    assert plan.commands[-1][2:4] == ("enable", "--now")
    assert machine.ran == []
    assert not one.state().is_installed


def test_the_file_goes_where_nothing_heeds_it_too(machine: Machine, places: Places) -> None:
    install(service(machine, places))
    machine.is_there = False

    remove(service(machine, places))

    assert not service(machine, places).state().is_installed


def test_what_is_not_there_is_not_removed(machine: Machine, places: Places) -> None:
    with pytest.raises(NotFoundError, match="systemd does not start Flowtrace"):
        remove(service(machine, places))


def test_one_that_does_not_end_is_told(
    machine: Machine, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(service(machine, places))
    machine.is_stubborn = True
    monkeypatch.setattr(always_on, "END_LIMIT_S", 0.0)

    with pytest.raises(FlowtraceError, match="`systemctl --user disable --now"):
        remove(service(machine, places))


def test_a_command_that_fails_says_why(machine: Machine, places: Places) -> None:
    machine.fails = "enable"

    with pytest.raises(FlowtraceError, match="enable refused") as told:
        install(service(machine, places))

    assert "flowtrace service remove" in told.value.mend


def test_a_file_that_cannot_be_written_is_refused_before_anything(
    machine: Machine, places: Places
) -> None:
    path = service(machine, places).state().path
    path.mkdir(parents=True)

    with pytest.raises(InputError, match="cannot use"):
        install(service(machine, places))
    assert machine.ran == []


def test_a_command_of_the_system_is_run_without_a_shell(tmp_path: Path) -> None:
    assert run_command((sys.executable, "-c", "print('$HOME')")) == Ran(code=0, said="$HOME")
    assert run_command((sys.executable, "-c", "raise SystemExit('no')")) == Ran(code=1, said="no")
    assert run_command((str(tmp_path / "missing"),)).code == -1
