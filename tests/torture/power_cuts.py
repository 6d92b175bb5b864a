"""A workload cut off at many moments: what does the file hold when the power is back?"""

import random
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.torture.disks import Change, Replay, recording
from tests.torture.workload import Heard, faults, steps

FILE = "flowtrace.db"


@dataclass
class Recorded:
    """A workload as the disk saw it."""

    changes: list[Change]
    answers: list[tuple[int, list[str]]]  # after how many changes, what


@dataclass
class Cuts:
    """What was found."""

    points: int = 0
    corrupt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def record(count: int, *, durable: bool) -> Recorded:
    """Do the work of so many turns on a recording disk."""
    answers: list[tuple[int, list[str]]] = []
    with tempfile.TemporaryDirectory() as folder, recording() as disk:
        path = Path(folder) / FILE
        with closing(Store(path, lambda: START_US, durable=durable)) as store:
            for step in steps(count):
                told = step(store)
                answers.append((len(disk.changes), told))
    return Recorded(changes=disk.changes, answers=answers)


def cut(recorded: Recorded, points: list[int], seed: int) -> Cuts:
    """Cut the power at some moments, ascending, and look at what is left each time."""
    replay, heard, found = Replay(recorded.changes), Heard(), Cuts()
    waiting = list(recorded.answers)
    chance = random.Random(seed)
    for point in points:
        replay.advance(point)
        while waiting and waiting[0][0] <= point:
            heard.hear(waiting.pop(0)[1])
        with tempfile.TemporaryDirectory() as folder:
            replay.cut(Path(folder), chance)
            _sort(found, point, faults(Path(folder) / FILE, heard))
        found.points += 1
    return found


def _sort(found: Cuts, point: int, wrong: list[str]) -> None:
    for one in wrong:
        (found.lost if one.startswith("lost") else found.corrupt).append(f"after {point}: {one}")
