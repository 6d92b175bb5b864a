"""16 processes write to one file, 200 are killed at random; the file is looked at after each ten."""

import sys
import tempfile
import time
from pathlib import Path

from lab import report

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.torture.storms import storm
from tests.torture.workload import Heard, faults

PROCESSES = 16
KILLS = 200
LOOK_EVERY = 10


def main() -> int:
    wrong: list[str] = []
    looks = 0
    began_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flowtrace.db"
        with storm(path, PROCESSES, seed=9) as blowing:
            while blowing.kills < KILLS - PROCESSES:
                blowing.kill_one(after_lines=60)
                if blowing.kills % LOOK_EVERY == 0:
                    wrong += faults(path, Heard(kept=blowing.answered()))
                    looks += 1
            blowing.end()
            answered = blowing.answered()
        wrong += faults(path, Heard(kept=answered))
        size = path.stat().st_size
    figures = {
        "processes": PROCESSES,
        "kills": blowing.kills,
        "looks": looks + 1,
        "answered": len(answered),
        "file_bytes": size,
        "wrong": wrong[:10],
        "seconds": round(time.monotonic() - began_s, 1),
    }
    return report("kill -9 storm", figures, kills=blowing.kills >= KILLS, nothing_wrong=not wrong)


if __name__ == "__main__":
    sys.exit(main())
