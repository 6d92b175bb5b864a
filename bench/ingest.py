"""OTLP/HTTP protobuf in 512-span requests of 1 KB spans, one connection, durable before 200.

The ceiling is measured in the same run, before and after: one process that parses, reads eight
attributes of each span, packs 128 bytes, compresses the span's bytes, inserts both and commits
each request with synchronous=FULL, and does nothing else.
"""

import struct
import sys
import time
from pathlib import Path

import apsw
from lab import data_folder, report, serving, spread
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from sending import cpu_s, send
from span_bodies import requests

from flowtrace_mcp.storage.compression import compress

REQUESTS = 80
SPANS = 512
NO_OWN_SPANS = {"FLOWTRACE_SELF_TRACES": "off"}  # so that what is stored can be counted
LEAST_SPANS_PER_S = 15_000
LEAST_SHARE = 0.25
VISIBLE_LIMIT_S = 1.0
_RECORD = struct.Struct("<16s16s7Q3I2f2H4B2H2BHI")


def ceiling(folder: Path, bodies: list[bytes]) -> float:
    """Return spans a second with nothing but what cannot be left out."""
    connection = apsw.Connection(str(folder / f"ceiling-{time.monotonic_ns()}.db"))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE edges (key INTEGER PRIMARY KEY, edge BLOB) STRICT")
    connection.execute("CREATE TABLE payloads (key INTEGER PRIMARY KEY, data BLOB) STRICT")
    key = 0
    began_s = time.perf_counter()
    for body in bodies:
        edges, payloads = [], []
        request = ExportTraceServiceRequest.FromString(body)
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    read = {one.key: one.value for one in span.attributes[:8]}
                    start = span.start_time_unix_nano // 1000
                    edge_id = span.trace_id[8:] + span.span_id
                    numbers = (start, 0, 0, 0, 0, key, len(read), 0, 0, 0, 1.0, 1.0)
                    edge = _RECORD.pack(
                        edge_id, edge_id, *numbers, 0, 3, 0, 1, 0, 0, 0, 0, 3, 0, 0, 0
                    )
                    edges.append((key, edge))
                    payloads.append((key, compress(span.SerializeToString())))
                    key += 1
        with connection:
            connection.executemany("INSERT INTO edges VALUES (?, ?)", edges)
            connection.executemany("INSERT INTO payloads VALUES (?, ?)", payloads)
    took_s = time.perf_counter() - began_s
    connection.close()
    return key / took_s


def last_trace_id(body: bytes) -> str:
    spans = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    return spans[-1].trace_id.hex()


def main() -> int:
    bodies = list(requests(REQUESTS, spans=SPANS))
    with data_folder() as folder:
        before = ceiling(folder, bodies)
        with serving(folder / "home", **NO_OWN_SPANS) as one:
            ports = one.ports()
            send(ports["otlp_http"], list(requests(4, spans=SPANS, seed=99)))  # warm
            used_s = cpu_s(one.pid)
            sent = send(ports["otlp_http"], bodies)
            used_s = cpu_s(one.pid) - used_s
            asked_s = time.perf_counter()
            tree = one.call("traces", trace_id=last_trace_id(bodies[-1]), budget=2000)
            visible_s = time.perf_counter() - asked_s
            stored = one.call("status")["stored"]
        after = ceiling(folder, bodies)
    rate = REQUESTS * SPANS / sent.took_s
    share = rate / max(before, after)
    figures = {
        "spans_per_s": round(rate),
        "request_ms": spread(sent.times_ms, 1),
        "cpu_us_per_span": round(used_s / (REQUESTS * SPANS) * 1e6, 1),
        "body_bytes_per_span": round(len(bodies[0]) / SPANS),
        "ceiling_spans_per_s": [round(before), round(after)],
        "share_of_ceiling": round(share, 3),
        "visible_after_s": round(visible_s, 3),
        "stored": stored,
    }
    return report(
        "OTLP/HTTP ingest, one connection, durable before 200",
        figures,
        rate=rate >= LEAST_SPANS_PER_S,
        share=share >= LEAST_SHARE,
        visible=visible_s <= VISIBLE_LIMIT_S and bool(tree["rows"]),
        complete=stored["spans"] == (REQUESTS + 4) * SPANS,
    )


if __name__ == "__main__":
    sys.exit(main())
