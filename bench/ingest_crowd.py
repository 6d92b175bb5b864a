"""OTLP/HTTP in 512-span requests of 1 KB spans over four connections, in protobuf and in JSON.

Every request is durable before its 200. The ceiling is that of ``ingest.py``, of one process that
does nothing but what cannot be left out.
"""

import sys
import time
from typing import Any

from ingest import NO_OWN_SPANS, ceiling, last_trace_id
from lab import data_folder, report, serving, spread
from sending import JSON, PROTOBUF, cpu_s, send
from span_bodies import as_json, requests

CONNECTIONS = 4
REQUESTS = 160
SPANS = 512
LEAST_SPANS_PER_S = {PROTOBUF: 25_000, JSON: 18_000}
REQUEST_LIMIT_MS = 250
VISIBLE_LIMIT_S = 1.0


def measured(media_type: str) -> dict[str, Any]:
    """Return what a fresh server does with requests of one encoding."""
    warm, bodies = list(requests(8, spans=SPANS, seed=99)), list(requests(REQUESTS, spans=SPANS))
    trace_id = last_trace_id(bodies[-1])
    if media_type == JSON:
        warm, bodies = list(map(as_json, warm)), list(map(as_json, bodies))
    with data_folder() as folder, serving(folder, **NO_OWN_SPANS) as one:
        port = one.ports()["otlp_http"]
        send(port, warm, connections=CONNECTIONS, media_type=media_type)
        used_s = cpu_s(one.pid)
        sent = send(port, bodies, connections=CONNECTIONS, media_type=media_type)
        used_s = cpu_s(one.pid) - used_s
        asked_s = time.perf_counter()
        tree = one.call("traces", trace_id=trace_id, budget=2000)
        visible_s = time.perf_counter() - asked_s
        stored = one.call("status")["stored"]["spans"]
    times_ms = sorted(sent.times_ms)
    return {
        "spans_per_s": round(REQUESTS * SPANS / sent.took_s),
        "request_ms": spread(times_ms, 1) | {"p99": round(times_ms[int(len(times_ms) * 0.99)], 1)},
        "cpu_us_per_span": round(used_s / (REQUESTS * SPANS) * 1e6, 1),
        "body_bytes_per_span": round(len(bodies[0]) / SPANS),
        "visible_after_s": round(visible_s, 3) if tree["rows"] else None,
        "is_complete": stored == (REQUESTS + 8) * SPANS,
    }


def main() -> int:
    """Measure both encodings, report."""
    with data_folder() as folder:
        bare = ceiling(folder, list(requests(80, spans=SPANS)))
    found = {media_type: measured(media_type) for media_type in LEAST_SPANS_PER_S}
    for of_one in found.values():
        of_one["share_of_ceiling"] = round(of_one["spans_per_s"] / bare, 3)
    of_all = list(found.values())
    return report(
        "OTLP/HTTP ingest, four connections, durable before 200",
        {"ceiling_spans_per_s": round(bare), "least_spans_per_s": LEAST_SPANS_PER_S, **found},
        protobuf=found[PROTOBUF]["spans_per_s"] >= LEAST_SPANS_PER_S[PROTOBUF],
        json=found[JSON]["spans_per_s"] >= LEAST_SPANS_PER_S[JSON],
        p99=all(one["request_ms"]["p99"] <= REQUEST_LIMIT_MS for one in of_all),
        visible=all((one["visible_after_s"] or 9) <= VISIBLE_LIMIT_S for one in of_all),
        complete=all(one["is_complete"] for one in of_all),
    )


if __name__ == "__main__":
    sys.exit(main())
