"""`remember` in one process while another ingests at full speed."""

import sys
import time

from lab import data_folder, elapsed_ms, report, serving, spread
from posting import posting
from span_bodies import requests

RUNS = 150
BODIES = 400
LIMIT_MS = 50


def main() -> int:
    bodies = list(requests(BODIES))
    with data_folder() as folder, serving(folder) as owner, serving(folder) as other:
        port = owner.ports()["otlp_http"]
        other.call("remember", content="the first call opens the file")
        began_s = time.perf_counter()
        with posting(port, bodies) as state:
            times_ms = [
                elapsed_ms(lambda n=n: other.call("remember", content=f"under load, number {n}"))
                for n in range(RUNS)
            ]
            is_busy = len(state.acknowledged) < len(bodies)
        rate = len(state.acknowledged) * 512 / (time.perf_counter() - began_s)
    found = spread(times_ms)
    figures = {"remember_ms": found, "ingest_spans_per_s": round(rate)}
    return report(
        "remember while another process ingests",
        figures,
        p95=found["p95"] <= LIMIT_MS,
        under_load=is_busy,
    )


if __name__ == "__main__":
    sys.exit(main())
