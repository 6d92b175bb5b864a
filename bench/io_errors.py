"""Every call of the disk in a workload failed in turn: an error, a full disk, a short read or write."""

import sys
import time
from collections import Counter
from pathlib import Path

from lab import report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.torture.disks import FAILURES
from tests.torture.io_errors import count_calls, inject

TURNS = 12


def main() -> int:
    began_s = time.process_time()
    kinds = count_calls(TURNS)
    figures: dict[str, object] = {"calls": len(kinds), "kinds": Counter(kinds)}
    points = reported = 0
    wrong: list[str] = []
    for how in FAILURES:
        found = inject(TURNS, list(range(1, len(kinds) + 1)), how)
        points += found.points
        reported += found.reported
        wrong += found.wrong
        figures[how] = {
            "injected": found.points,
            "reported": found.reported,
            "ridden_out": found.ridden_out,
            "wrong": len(found.wrong),
        }
    figures |= {"injected": points, "wrong": wrong[:10]}
    figures["cpu_s"] = round(time.process_time() - began_s, 1)
    return report(
        "I/O errors",
        figures,
        at_least_3000=points >= 3000,
        none_wrong=not wrong,
        some_reported=reported > 0,
    )


if __name__ == "__main__":
    sys.exit(main())
