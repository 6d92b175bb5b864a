"""A workload cut off at every moment in turn: at FULL nothing is lost; what NORMAL loses is counted."""

import sys
import time
from pathlib import Path

from lab import report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.torture.power_cuts import cut, record

TURNS = 60
SEED = 3


def main() -> int:
    began_s = time.process_time()
    figures = {}
    for name, durable in (("full", True), ("normal", False)):
        recorded = record(TURNS, durable=durable)
        found = cut(recorded, list(range(1, len(recorded.changes) + 1)), SEED)
        lost_at = {one.partition(":")[0] for one in found.lost}
        figures[name] = {
            "points": found.points,
            "answers": sum(len(told) for _, told in recorded.answers),
            "corrupt": len(found.corrupt),
            "points_that_lose": len(lost_at),
            "answers_lost_over_all_points": len(found.lost),
            "first_faults": (found.corrupt + found.lost if durable else found.corrupt)[:5],
        }
    figures["cpu_s"] = round(time.process_time() - began_s, 1)
    full, normal = figures["full"], figures["normal"]
    return report(
        "power cuts",
        figures,
        at_least_2000_points=full["points"] >= 2000,
        none_corrupt=full["corrupt"] == normal["corrupt"] == 0,
        full_loses_nothing=full["points_that_lose"] == 0,
        normal_is_shown_to_lose=normal["points_that_lose"] > 0,
    )


if __name__ == "__main__":
    sys.exit(main())
