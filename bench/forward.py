"""Sending on what is stored: spans a second, and what a sender notices of it meanwhile."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from lab import data_folder, environment, report, serving, spread
from span_bodies import requests

SPANS = 512
REQUESTS = 40
LIMIT_SPANS_S = 2000
ANSWER_LIMIT_MS = 250


def post(port: int, body: bytes) -> float:
    began_s = time.perf_counter()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/v1/traces", body, {"Content-Type": "application/x-protobuf"}
    )
    urllib.request.urlopen(request, timeout=60).close()
    return (time.perf_counter() - began_s) * 1000


def forward(home: Path, port: int) -> tuple[int, float]:
    """Return how many items were sent and how long the command took."""
    began_s = time.perf_counter()
    command = [sys.executable, "-m", "flowtrace_mcp", "forward", f"http://127.0.0.1:{port}"]
    done = subprocess.run(
        [*command, "--json"], env=environment(home), capture_output=True, check=True
    )
    return int(json.loads(done.stdout)["sent"]), time.perf_counter() - began_s


def main() -> int:
    off = {"FLOWTRACE_EMBEDDER": "off"}
    with (
        data_folder() as home,
        data_folder() as other,
        serving(home, **off) as ours,
        serving(other, **off) as theirs,
    ):
        here, there = ours.ports()["otlp_http"], theirs.ports()["otlp_http"]
        alone = [post(here, body) for body in requests(REQUESTS, spans=SPANS)]
        sent: list[tuple[int, float]] = []
        sending = threading.Thread(target=lambda: sent.append(forward(home, there)))
        sending.start()
        meanwhile = []
        for body in requests(10_000, spans=SPANS, seed=2):
            if not sending.is_alive():
                break
            meanwhile.append(post(here, body))
            time.sleep(0.2)
        sending.join()
        count, took_s = sent[0]
        left, _ = forward(home, there)
    rate = round(count / took_s)
    figures = {
        "sent": count,
        "spans_per_s": rate,
        "sent_afterwards": left,
        "request_ms": {"alone": spread(alone), "meanwhile": spread(meanwhile)},
    }
    return report(
        "forwarding to a second Flowtrace on the same machine, while spans arrive",
        figures,
        rate=rate >= LIMIT_SPANS_S,
        ingest=spread(meanwhile)["p95"] <= ANSWER_LIMIT_MS,
    )


if __name__ == "__main__":
    sys.exit(main())
