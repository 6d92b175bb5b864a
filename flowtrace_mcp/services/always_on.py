"""Have the system start `flowtrace serve` with a person's session, and take that back."""

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowtrace_mcp.clients.service_managers import ServiceJob, ServiceManager, Words
from flowtrace_mcp.clients.table import Places
from flowtrace_mcp.errors import FlowtraceError, NotFoundError
from flowtrace_mcp.services.client_files import (
    FileChange,
    check_writable,
    read_file,
    write_change,
)

COMMAND_LIMIT_S: Final = 60
END_LIMIT_S: Final = 10.0
_LOOK_PERIOD_S: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command of the system left behind; a code of -1 = it could not be run."""

    code: int
    said: str


Run = Callable[[Words], Ran]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceState:
    """How the service is."""

    manager: str
    path: Path
    is_installed: bool
    is_current: bool  # the file says what an installation now would write
    is_running: bool
    problem: str = ""  # why nobody heeds the file


@dataclass(frozen=True, slots=True, kw_only=True)
class ServicePlan:
    """What would be done; with neither change nor commands everything is as it is to be."""

    change: FileChange
    commands: tuple[Words, ...]


class AlwaysOn:
    """The service of one person on one machine.

    Args:
        manager: What starts programs here.
        places: Where things are.
        job: What is to be started.
        run: Runs a command of the system.
    """

    def __init__(
        self, manager: ServiceManager, places: Places, job: ServiceJob, run: Run | None = None
    ) -> None:
        self._manager = manager
        self._job = job
        self._path = manager.path(places, job)
        self._run = run or run_command

    def state(self) -> ServiceState:
        """Return how it is, as the system says."""
        data, problem = read_file(self._path), self._absence()
        return ServiceState(
            manager=self._manager.name,
            path=self._path,
            is_installed=data is not None,
            is_current=data == self._manager.render(self._job),
            is_running=not problem and self._is_running(),
            problem=problem,
        )

    def plan_install(self) -> ServicePlan:
        """Return what an installation would do.

        Raises:
            InputError: The file cannot be read or written.
        """
        before, after = read_file(self._path), self._manager.render(self._job)
        if before == after and self._is_running():
            commands: list[Words] = []
        else:
            ending = [] if before is None else self._manager.end(self._job)
            commands = [*ending, *self._manager.begin(self._path, self._job)]
        check_writable(self._path)
        change = FileChange(path=self._path, before=before, after=after)
        return ServicePlan(change=change, commands=tuple(commands))

    def install(self, plan: ServicePlan) -> None:
        """Write the file, and have it heeded; once done it does nothing.

        Raises:
            FlowtraceError: Nothing here heeds the file, or a command failed.
        """
        if not plan.commands:
            return
        if problem := self._absence():
            raise FlowtraceError(
                f"{self._manager.name} does not run for you here",
                why=problem,
                mend=self._manager.without,
            )
        if plan.change.before is not None:
            self._end()
        if plan.change.before != plan.change.after:
            write_change(plan.change)
        self._all(self._manager.begin(self._path, self._job))

    def plan_removal(self) -> ServicePlan:
        """Return what a removal would do.

        Raises:
            NotFoundError: There is none.
        """
        before = read_file(self._path)
        if before is None:
            raise NotFoundError(
                f"{self._manager.name} does not start Flowtrace",
                why=f"there is no {self._path}",
                mend="`flowtrace service install` has it started",
            )
        check_writable(self._path)
        commands = (*self._manager.end(self._job), *self._manager.after_removal)
        change = FileChange(path=self._path, before=before, after=None)
        return ServicePlan(change=change, commands=commands)

    def remove(self, plan: ServicePlan) -> None:
        """Stop it and take its file away, where nothing heeds it too.

        Raises:
            FlowtraceError: It goes on running.
        """
        is_heeded = not self._absence()
        if is_heeded:
            self._end()
        write_change(plan.change)
        if is_heeded:
            self._all(self._manager.after_removal)

    def _absence(self) -> str:
        """Return why nothing here heeds the file, "" when something does."""
        ran = self._run(self._manager.probe) if self._manager.probe else Ran(code=0, said="")
        return "" if ran.code == 0 else ran.said or f"code {ran.code}"

    def _is_running(self) -> bool:
        ran = self._run(self._manager.look(self._job))
        lines = (line.strip() for line in ran.said.splitlines())
        return ran.code == 0 and self._manager.running in lines

    def _end(self) -> None:
        """Run what ends it, which may fail where it was not begun, and see it gone."""
        said = [self._run(words).said for words in self._manager.end(self._job)]
        until_s = time.monotonic() + END_LIMIT_S
        while self._is_running():
            if time.monotonic() > until_s:
                raise _failed(self._manager.end(self._job)[-1], said[-1])
            time.sleep(_LOOK_PERIOD_S)

    def _all(self, commands: Sequence[Words]) -> None:
        for words in commands:
            ran = self._run(words)
            if ran.code != 0:
                raise _failed(words, ran.said)


def run_command(words: Words) -> Ran:
    """Run a command of the system, without a shell."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words
            words, capture_output=True, text=True, check=False, timeout=COMMAND_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Ran(code=-1, said=f"{words[0]}: {error}"[:200])
    return Ran(code=done.returncode, said=(done.stdout or done.stderr).strip())


def _failed(words: Words, said: str) -> FlowtraceError:
    return FlowtraceError(
        f"`{' '.join(words)}` failed",
        why=said.rpartition("\n")[2][:200],
        mend="run it by hand; `flowtrace service remove` takes the file away again",
    )
