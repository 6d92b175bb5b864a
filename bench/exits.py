"""Exit after SIGINT, SIGTERM and the end of stdin, with a 60 MB log and ingest running.

Each way: the write-ahead log is filled past 60 MB, spans arrive at full speed and a memory is
remembered just before; afterwards everything that was answered must be in the file.
"""

import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
from lab import McpProcess, data_folder, report, serving, spread
from posting import posting
from span_bodies import requests
from stored import faults, span_ids

LOG_BYTES = 60_000_000
LIMIT_MS = 100
RUNS = 3
BODIES = 160
WAYS: dict[str, Callable[[McpProcess], float]] = {
    "SIGINT": lambda one: one.signal(signal.SIGINT),
    "SIGTERM": lambda one: one.signal(signal.SIGTERM),
    "end of stdin": lambda one: one.close(),
}


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    connection = apsw.Connection(str(folder / "flowtrace.db"), flags=apsw.SQLITE_OPEN_READONLY)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM edges").fetchall()
    try:
        yield
    finally:
        connection.close()


def leave(folder: Path, way: str, bodies: list[bytes]) -> tuple[float, int, list[str]]:
    """Return milliseconds to the exit, the size of the log then, and what was lost."""
    with serving(folder) as one:
        ports = one.ports()
        log = folder / "flowtrace.db-wal"
        # A reader that holds a snapshot keeps the log from being started again.
        with reading(folder), posting(ports["otlp_http"], bodies) as state:
            until_s = time.monotonic() + 60
            while log.stat().st_size < LOG_BYTES and time.monotonic() < until_s:
                time.sleep(0.02)
            memory = f"remembered just before {way}"
            one.call("remember", content=memory)
            size = log.stat().st_size
            took_ms = WAYS[way](one) * 1000
        sent = [bodies[index] for index in state.acknowledged]
    return took_ms, size, faults(folder, span_ids(sent), {memory})


def main() -> int:
    bodies = list(requests(BODIES))
    figures: dict[str, object] = {}
    slowest, lost, smallest = 0.0, [], 10**12
    for way in WAYS:
        times_ms = []
        for _ in range(RUNS):
            with data_folder() as folder:
                took_ms, size, wrong = leave(folder, way, bodies)
            times_ms.append(took_ms)
            lost += wrong
            smallest = min(smallest, size)
        figures[way] = spread(times_ms, 1)
        slowest = max(slowest, *times_ms)
    figures |= {"smallest_log_mb": round(smallest / 1e6, 1), "lost": lost}
    return report(
        "exit under load, milliseconds", figures, time=slowest <= LIMIT_MS, nothing_lost=not lost
    )


if __name__ == "__main__":
    sys.exit(main())
