"""kill -9 during ingest and during `remember`, 20 times on one growing file."""

import random
import signal
import sys
import threading
import time
from pathlib import Path

from lab import McpProcess, data_folder, report, serving
from posting import posting
from span_bodies import requests
from stored import faults, span_ids

KILLS = 20
BODIES = 60


def remember_until_killed(one: McpProcess, label: str, told: list[str]) -> None:
    try:
        for number in range(10_000):
            text = f"memory {number} of life {label}: {label * 3}"
            one.call("remember", content=text)
            told.append(text)
    except (OSError, RuntimeError, ValueError, KeyError):
        return


def one_life(folder: Path, number: int, chance: random.Random) -> tuple[list[bytes], list[str]]:
    """Serve, ingest and remember for a moment, then die; return what was acknowledged."""
    bodies = list(requests(BODIES, spans=128, seed=number))
    told: list[str] = []
    with serving(folder) as one:
        ports = one.ports()
        with posting(ports["otlp_http"], bodies) as state:
            thread = threading.Thread(
                target=remember_until_killed, args=[one, f"{number:02d}", told], daemon=True
            )
            thread.start()
            time.sleep(chance.uniform(0.05, 0.6))
            one.signal(signal.SIGKILL)
            thread.join(10)
        return [bodies[index] for index in state.acknowledged], told


def main() -> int:
    chance = random.Random(7)
    sent: set[bytes] = set()
    told: set[str] = set()
    wrong: list[str] = []
    with data_folder() as folder:
        for number in range(KILLS):
            bodies, texts = one_life(folder, number, chance)
            sent |= span_ids(bodies)
            told |= set(texts)
            wrong += faults(folder, sent, told)
    figures = {"kills": KILLS, "spans": len(sent), "memories": len(told), "wrong": wrong}
    return report(
        "kill -9 during ingest and remember",
        figures,
        nothing_wrong=not wrong,
        under_load=bool(sent and told),
    )


if __name__ == "__main__":
    sys.exit(main())
