"""Half an hour of an agent's life: spans, recalls and remembers without end, with retention on.

SOAK_MINUTES says how long (30), of which the first fifth is warm-up.
"""

import os
import statistics
import sys
import threading
import time
from itertools import count

from lab import data_folder, elapsed_ms, report, rss_mib, serving, spread
from posting import posting
from span_bodies import requests

MINUTES = float(os.environ.get("SOAK_MINUTES", "30"))
SPANS = 500
SPANS_PER_S = 2_000
RECALLS_PER_S = 20
REMEMBERS_PER_S = 5
FILE_BYTES = 300_000_000
SLOPE_LIMIT_MIB = 1.0
FILE_SHARE = 1.3
LOOK_S = 2.0


class Paced:
    """Bodies handed out at a pace, so that the sender sends so many a second."""

    def __init__(self, seconds: float) -> None:
        self._period_s = SPANS / SPANS_PER_S
        self._until_s = time.monotonic() + seconds

    def __iter__(self):
        next_s = time.monotonic()
        for seed in count():
            for body in requests(20, spans=SPANS, seed=seed):
                if time.monotonic() > self._until_s:
                    return
                time.sleep(max(next_s - time.monotonic(), 0))
                next_s += self._period_s
                yield body


def slope(points: list[tuple[float, float]]) -> float:
    """Return MiB a minute, by least squares."""
    xs, ys = zip(*points, strict=True)
    return statistics.linear_regression([x / 60 for x in xs], ys).slope


def main() -> int:
    seconds = MINUTES * 60
    errors: list[str] = []
    memory: list[tuple[float, float]] = []
    sizes: list[int] = []
    times: dict[str, list[float]] = {"recall": [], "remember": []}
    with (
        data_folder() as folder,
        serving(folder, FLOWTRACE_RETENTION_BYTES=str(FILE_BYTES), FLOWTRACE_EMBEDDER="off") as one,
    ):
        port, path = one.ports()["otlp_http"], folder / "flowtrace.db"
        began_s = time.monotonic()
        over = threading.Event()

        def watch() -> None:
            while not over.wait(LOOK_S):
                at_s = time.monotonic() - began_s
                if at_s > seconds / 5:
                    memory.append((at_s, rss_mib(one.pid)))
                sizes.append(path.stat().st_size)

        watcher = threading.Thread(target=watch)
        watcher.start()
        with posting(port, Paced(seconds)) as state:
            for number in count():
                if time.monotonic() - began_s > seconds:
                    break
                turn_s = time.monotonic()
                try:
                    topic = f"module m{number % 997}"
                    if number % (RECALLS_PER_S // REMEMBERS_PER_S) == 0:
                        text = f"Rule {number}: {topic} retries {number % 13} times"
                        took = elapsed_ms(lambda t=text: one.call("remember", content=t))
                        times["remember"].append(took)
                    asked = f"how often does {topic} retry"
                    times["recall"].append(elapsed_ms(lambda q=asked: one.call("recall", query=q)))
                except (RuntimeError, KeyError, OSError) as error:
                    errors.append(repr(error)[:200])
                    break
                time.sleep(max(turn_s + 1 / RECALLS_PER_S - time.monotonic(), 0))
        over.set()
        watcher.join()
        sent = len(state.acknowledged) * SPANS
        status = one.call("status")
    growth = slope(memory)
    largest = max(sizes[len(sizes) // 2 :])
    figures = {
        "minutes": MINUTES,
        "spans": sent,
        "spans_per_s": round(sent / seconds),
        "recalls": len(times["recall"]),
        "remembers": len(times["remember"]),
        "ms": {name: spread(each, 1) for name, each in times.items()},
        "errors": errors[:5],
        "problems": status.get("problems", []),
        "rss_mib": {"first": round(memory[0][1]), "last": round(memory[-1][1])},
        "rss_mib_a_minute": round(growth, 2),
        "file_bytes": {"kept": FILE_BYTES, "largest": largest},
    }
    return report(
        "soak",
        figures,
        no_error=not errors and not figures["problems"],
        memory_is_flat=growth <= SLOPE_LIMIT_MIB,
        file_is_bounded=largest <= FILE_BYTES * FILE_SHARE,
        paced=sent >= SPANS_PER_S * seconds * 0.9,
    )


if __name__ == "__main__":
    sys.exit(main())
