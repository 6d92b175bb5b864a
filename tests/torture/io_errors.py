"""A workload in which one call of the disk fails, for every call in turn."""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.torture.disks import FAILURES, FailingDisk, Plan, failing
from tests.torture.workload import Heard, Step, faults, steps

FILE = "flowtrace.db"
RETRIES = 3


@dataclass
class Injected:
    """What became of failures."""

    points: int = 0
    hit: Counter[str] = field(default_factory=Counter)  # by kind of call
    reported: int = 0  # the step that met it said so
    ridden_out: int = 0  # the step succeeded nevertheless, and is in the file
    wrong: list[str] = field(default_factory=list)


def count_calls(turns: int) -> list[str]:
    """Return the kinds of the disk's calls of the workload, in order, without a failure."""
    with failing() as disk, tempfile.TemporaryDirectory() as folder:
        run = _Run(disk, Path(folder) / FILE)
        run.work(turns)
        return list(disk.plan.kinds)


def inject(turns: int, points: list[int], how: str) -> Injected:
    """Fail one call at each of some points, in a run of the workload of its own."""
    found = Injected()
    with failing() as disk:
        for point in points:
            with tempfile.TemporaryDirectory() as folder, quiet() as unraised:
                disk.plan = Plan(fail_at=point, how=FAILURES[how])
                run = _Run(disk, Path(folder) / FILE)
                run.work(turns)
                hits = disk.plan.hits
                disk.plan = Plan(fail_at=-1)  # the disk is whole again
                wrong = run.wrong + [str(one) for one in unraised if "injected" not in str(one)]
                wrong += faults(Path(folder) / FILE, run.heard)
                found.wrong += [f"call {point} ({how}): {one}" for one in wrong]
                found.points += hits
                found.reported += min(run.errors, hits)
                found.ridden_out += max(hits - run.errors, 0)
    return found


class _Run:
    """The workload on a file, each step tried again when it fails."""

    def __init__(self, disk: FailingDisk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self.heard = Heard()
        self.errors = 0
        self.wrong: list[str] = []

    def work(self, turns: int) -> None:
        store = self._try(lambda: Store(self._path, lambda: START_US))
        if store is None:
            return
        with closing(store):
            for step in steps(turns):
                answers = self._try(lambda step=step: step(store))  # type: ignore[misc]  # bound now
                if answers is not None:
                    self.heard.hear(answers)

    def _try(self, work: "Callable[[], object]") -> "object | None":
        """Do a step, again when it fails; only our own errors may come out of it."""
        for _ in range(RETRIES):
            try:
                return work()
            except FlowtraceError:
                self.errors += 1
        self.wrong.append("a retry did not succeed")
        return None


@contextmanager
def quiet() -> Iterator[list[object]]:
    """Collect what is raised where nobody can catch it, such as at the closing of a file."""
    seen: list[object] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda raised: seen.append(raised.exc_value)
    try:
        yield seen
    finally:
        sys.unraisablehook = before


__all__ = ["Injected", "Step", "count_calls", "inject"]
