"""Four questions over REST at 240,000 spans, one kept connection, against a naive server.

The naive one is the standard library's HTTP server over the same spans in a table of JSON rows:
what somebody writes in an hour. It answers the same questions with the rows as they are.

A trace is measured twice: over a few that are looked at again and again, as a dashboard or a
watching person does, which the bar is about; and at the first look, when every span is unpacked
and read (zstd makes a new context a span, 18 us on a virtual machine).
"""

import http.client
import http.server
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import apsw
from lab import data_folder, report, serving, spread
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from span_bodies import SPANS_PER_TRACE, requests

SPANS = 240_000
SPANS_PER_REQUEST = 500
LONE_SPANS = 500
ROUNDS = 300
WATCHED_TRACES = 20
BARS_MS = {"point": 0.8, "range of 100": 2.0, "trace of 50": 2.0, "sessions": 1.5}
_PROTOBUF = {"Content-Type": "application/x-protobuf"}

Ask = Callable[[str], bytes]
"""Returns the body that a path gives."""


def fill(port: int, bodies: list[bytes]) -> None:
    """Send all spans."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies:
        connection.request("POST", "/v1/traces", body, _PROTOBUF)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
    connection.close()


def lone_spans(seed: int) -> bytes:
    """Return a request of traces of one span each."""
    request = ExportTraceServiceRequest.FromString(next(requests(1, spans=LONE_SPANS, seed=seed)))
    chance = random.Random(seed)
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id, span.parent_span_id = chance.randbytes(16), b""
    return request.SerializeToString()


def trace_ids(body: bytes) -> list[str]:
    """Return the ids of a request's traces, each once."""
    request = ExportTraceServiceRequest.FromString(body)
    spans = request.resource_spans[0].scope_spans[0].spans
    return list(dict.fromkeys(span.trace_id.hex() for span in spans))


def keep_alive(port: int, token: str) -> Ask:
    """Return a function that asks over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}

    def ask(path: str) -> bytes:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body[:200])
        return body

    return ask


def timed(ask: Ask, paths: Callable[[], str]) -> dict[str, float]:
    """Return the spread of milliseconds over many questions."""
    times_ms = []
    for _ in range(ROUNDS):
        path = paths()
        began_s = time.perf_counter()
        ask(path)
        times_ms.append((time.perf_counter() - began_s) * 1000)
    return spread(times_ms, 3)


class Naive(http.server.BaseHTTPRequestHandler):
    """One SELECT a question; rows hold the JSON that is answered."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    connection_to: apsw.Connection
    statements: ClassVar = {
        "point": "SELECT data FROM spans WHERE trace_id = ?",
        "range": "SELECT data FROM spans WHERE start_us >= ? ORDER BY start_us LIMIT 100",
        "sessions": "SELECT session, count(*) FROM spans WHERE start_us >= ? GROUP BY 1 LIMIT 100",
    }

    def do_GET(self) -> None:
        kind, value = self.path.strip("/").split("/")
        argument: str | int = int(value) if value.isdigit() and kind != "point" else value
        rows = self.connection_to.execute(self.statements[kind], (argument,)).fetchall()
        body = ("[" + ",".join(str(row[0]) for row in rows) + "]").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def naive_figures(folder: Path, bodies: list[bytes]) -> dict[str, dict[str, float]]:
    """Return what the naive server takes for a point, a range and a trace."""
    connection = apsw.Connection(str(folder / "naive.db"))
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "CREATE TABLE spans (trace_id TEXT, session TEXT, start_us INTEGER, data TEXT)"
    )
    starts = []
    with connection:
        for body in bodies:
            rows = []
            request = ExportTraceServiceRequest.FromString(body)
            for span in request.resource_spans[0].scope_spans[0].spans:
                attributes = {
                    one.key: one.value.string_value or one.value.int_value
                    for one in span.attributes
                }
                start_us = span.start_time_unix_nano // 1000
                told = {"name": span.name, "start_us": start_us, "attributes": attributes}
                session = str(attributes["gen_ai.conversation.id"])
                rows.append((span.trace_id.hex(), session, start_us, json.dumps(told)))
            connection.executemany("INSERT INTO spans VALUES (?, ?, ?, ?)", rows)
            starts.append(rows[0][2])
    connection.execute("CREATE INDEX by_trace ON spans (trace_id)")
    connection.execute("CREATE INDEX by_start ON spans (start_us)")
    handler = type("Served", (Naive,), {"connection_to": connection})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    chance = random.Random(5)
    lone, whole = trace_ids(bodies[-1]), trace_ids(bodies[0])
    ask = keep_alive(server.server_port, "")
    figures = {
        "point": timed(ask, lambda: f"/point/{chance.choice(lone)}"),
        "range of 100": timed(ask, lambda: f"/range/{chance.choice(starts[:-1])}"),
        "trace of 50": timed(ask, lambda: f"/point/{chance.choice(whole)}"),
    }
    server.shutdown()
    server.server_close()
    return figures


def main() -> int:
    """Fill a data folder, ask each question many times, report."""
    bodies = list(requests(SPANS // SPANS_PER_REQUEST, spans=SPANS_PER_REQUEST))
    bodies.append(lone_spans(7))
    whole = [one for body in bodies[:-1:7] for one in trace_ids(body)]
    lone = trace_ids(bodies[-1])
    watched, alone = whole[:WATCHED_TRACES], lone[:WATCHED_TRACES]
    whole, lone = whole[WATCHED_TRACES:], lone[WATCHED_TRACES:]
    chance = random.Random(3)
    with data_folder() as folder, serving(folder, FLOWTRACE_EMBEDDER="off") as server:
        ports = server.ports()
        fill(ports["otlp_http"], bodies)
        ask = keep_alive(ports["rest"], (folder / "token").read_text())
        first = json.loads(ask("/api/v1/traces?limit=1"))["items"][0]["start_us"]
        paths = {
            "point": lambda: f"/api/v1/traces/{chance.choice(alone)}",
            "range of 100": lambda: (
                f"/api/v1/traces?limit=100&until={first - chance.randrange(10_000_000)}"
            ),
            "trace of 50": lambda: f"/api/v1/traces/{chance.choice(watched)}",
            "sessions": lambda: "/api/v1/sessions?limit=100",
            "point, first look": lambda: f"/api/v1/traces/{lone.pop()}",
            "trace of 50, first look": lambda: f"/api/v1/traces/{whole.pop()}",
        }
        assert len(json.loads(ask(f"/api/v1/traces/{watched[0]}"))["spans"]) == SPANS_PER_TRACE
        figures = {name: timed(ask, path) for name, path in paths.items()}
        bytes_of = {name: len(ask(path())) for name, path in paths.items()}
        naive = naive_figures(folder, bodies)
    bars = {name: figures[name]["p50"] <= most for name, most in BARS_MS.items()}
    return report(
        "questions over REST at 240,000 spans",
        {"ms": figures, "answer_bytes": bytes_of, "naive_ms": naive, "bars_ms": BARS_MS},
        **bars,
    )


if __name__ == "__main__":
    sys.exit(main())
