"""Questions over REST at 100,000 and at 1,000,000 spans, one kept connection, and a mixed load.

python answers.py [spans ...]     the sizes; 100000 and 1000000 when none is given

Three of four spans are of the last 24 hours, of which each has some, the others of the 29 days before;
all words of all spans are indexed. A trace is asked for again and again, as who watches it does.
"""

import http.client
import json
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from lab import data_folder, report, serving, spread
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from span_bodies import requests

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.recount import recount_stale
from flowtrace_mcp.services.span_indexing import SpanIndexing
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store

SIZES = (100_000, 1_000_000)
SPANS_PER_REQUEST = 500
ROUNDS = 200
WATCHED_TRACES = 20
TICKETS = 5_000
FAILED_SHARE = 0.02
DAY_S, DAYS = 86_400, 30
CLIENTS, LOAD_S, READS_SHARE, LOAD_SPANS = 8, 10.0, 0.7, 10
LEAST_OPERATIONS_PER_S = 1_500
GROWTH_MOST, TAIL_MOST = 2.0, 5.0
NOISE_MS = 0.5  # below it growth is that of the clock
BARS_MS = {
    "point": 0.8,
    "range of 100": 2.0,
    "trace of 50": 2.0,
    "sessions": 1.5,
    "cost by model, 30 days": 5.0,
    "timeseries of a day": 5.0,
    "filtered list": 8.0,
    "two words": 15.0,
}
_PROTOBUF = "application/x-protobuf"

Paths = dict[str, Callable[[], str]]


def bodies(spans: int, seed: int = 1) -> Iterator[bytes]:
    """Yield requests spread over thirty days, some spans failed, each tool's run about a ticket."""
    count = spans // SPANS_PER_REQUEST
    chance = random.Random(seed)
    now_ns = time.time_ns()
    for at in range(count):
        days = 1 - at / count if at % 4 else DAYS - (DAYS - 1) * at / count
        start_ns = now_ns - int(days * DAY_S * 1e9)
        body = next(
            requests(1, spans=SPANS_PER_REQUEST, seed=seed * 100_003 + at, start_ns=start_ns)
        )
        yield told(body, chance)


def told(body: bytes, chance: random.Random) -> bytes:
    """Return a request in which some spans failed, and one has a trace to itself."""
    request = ExportTraceServiceRequest.FromString(body)
    spans = request.resource_spans[0].scope_spans[0].spans
    for span in spans:
        if chance.random() < FAILED_SHARE:
            span.status.code = Status.STATUS_CODE_ERROR
            span.status.message = "exit code 1"
        if span.name.startswith("execute_tool"):
            result = next(one for one in span.attributes if one.key.endswith("call.result"))
            result.value.string_value += f" ticket{chance.randrange(TICKETS)}"
    spans[-1].trace_id, spans[-1].parent_span_id = chance.randbytes(16), b""
    return request.SerializeToString()


def fill(home: Path, spans: int) -> tuple[list[str], list[str]]:
    """Store and index spans; return ids of traces of one span, and of traces of fifty."""
    settings = load_settings({"FLOWTRACE_HOME": str(home), "FLOWTRACE_EMBEDDER": "off"})
    store = Store(settings.db_path, now_us, durable=False)
    context = Context(
        settings=settings,
        store=store,
        meaning=Meaning("off", lambda _: None),
        now_us=now_us,
        random_bytes=bytes,
    )
    pipeline = Pipeline(store, now_us)
    alone, whole = [], []
    for body in bodies(spans):
        pipeline.traces(body, PayloadEncoding.PROTOBUF)
        sent = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
        whole.append(sent[0].trace_id.hex())
        alone.append(sent[-1].trace_id.hex())
    recount_stale(context)
    indexing = SpanIndexing(context)
    while indexing.run_once():
        pass
    store.close()
    return alone, whole


def now_us() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1000


def paths_of(alone: list[str], whole: list[str], chance: random.Random) -> Paths:
    """Return for each question a function that gives a path to ask."""
    watched = chance.sample(whole, WATCHED_TRACES)
    single = chance.sample(alone, min(len(alone), WATCHED_TRACES))

    def until() -> int:
        return now_us() - chance.randrange(DAY_S * 1_000_000)

    return {
        "point": lambda: f"/api/v1/traces/{chance.choice(single)}",
        "range of 100": lambda: f"/api/v1/traces?limit=100&until={until()}",
        "trace of 50": lambda: f"/api/v1/traces/{chance.choice(watched)}",
        "sessions": lambda: f"/api/v1/sessions?limit=100&until={until()}",
        "cost by model, 30 days": lambda: "/api/v1/costs?by=model",
        "timeseries of a day": lambda: "/api/v1/analytics/timeseries",
        "filtered list": lambda: f"/api/v1/spans?status=error&tool=Bash&limit=100&until={until()}",
        "two words": lambda: f"/api/v1/spans?q=discount+ticket{chance.randrange(TICKETS)}",
        "long calls of a model": lambda: (
            f"/api/v1/spans?model=claude-sonnet-4-5-20250929&min_duration_us=80000&until={until()}"
        ),
        "two common words": lambda: f"/api/v1/spans?q=discount+retry&until={until()}",
    }


def asked(port: int, token: str, paths: Paths) -> dict[str, dict[str, float]]:
    """Return the milliseconds of each question over one kept connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {token}"}
    figures = {}
    for name, path in paths.items():
        times_ms = []
        for _ in range(ROUNDS):
            target = path()
            began_s = time.perf_counter()
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            times_ms.append((time.perf_counter() - began_s) * 1000)
            assert answer.status == 200, (target, answer.status, body[:300])
        ordered = sorted(times_ms)
        figures[name] = {**spread(times_ms, 3), "p99": round(ordered[int(ROUNDS * 0.99) - 1], 3)}
        figures[name]["bytes"] = len(body)
    connection.close()
    return figures


class Client(threading.Thread):
    """Asks and sends over two kept sockets until the time is up."""

    def __init__(self, ports: dict[str, int], token: str, work: tuple[Paths, list[bytes]]) -> None:
        super().__init__(daemon=True)
        self._rest = socket.create_connection(("127.0.0.1", ports["rest"]))
        self._otlp = socket.create_connection(("127.0.0.1", ports["otlp_http"]))
        self._token = token
        self._paths = [path for name, path in work[0].items() if name in BARS_MS]
        self._bodies = work[1]
        self._chance = random.Random(self._bodies[0][:8])
        self.until_s = 0.0
        self.count = 0
        self.problem = ""

    def run(self) -> None:
        while time.perf_counter() < self.until_s and not self.problem:
            if self._chance.random() < READS_SHARE:
                head = f"GET {self._chance.choice(self._paths)()} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                head += f"Authorization: Bearer {self._token}\r\n\r\n"
                self._exchange(self._rest, head.encode())
            elif self._bodies:
                body = self._bodies.pop()
                head = (
                    f"POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {_PROTOBUF}\r\n"
                )
                head += f"Content-Length: {len(body)}\r\n\r\n"
                self._exchange(self._otlp, head.encode() + body)
            self.count += 1

    def _exchange(self, connection: socket.socket, request: bytes) -> None:
        connection.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(65_536)
        head, _, rest = answer.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r")[0])
        left = size - len(rest)
        while left > 0:
            left -= len(connection.recv(min(left, 262_144)))
        if not head.startswith(b"HTTP/1.1 200"):
            self.problem = head[:60].decode()


def mixed(ports: dict[str, int], token: str, paths: Paths) -> dict[str, Any]:
    """Return the operations a second of eight clients."""
    each = LEAST_OPERATIONS_PER_S * int(LOAD_S) // CLIENTS
    clients = [
        Client(ports, token, (paths, list(requests(each, spans=LOAD_SPANS, seed=900 + number))))
        for number in range(CLIENTS)
    ]
    began_s = time.perf_counter()
    for client in clients:
        client.until_s = began_s + LOAD_S
        client.start()
    for client in clients:
        client.join()
    took_s = time.perf_counter() - began_s
    return {
        "operations_per_s": round(sum(client.count for client in clients) / took_s),
        "problems": [client.problem for client in clients if client.problem],
    }


def measured(spans: int) -> dict[str, Any]:
    """Return what a server over so many spans does."""
    with data_folder() as folder:
        began_s = time.perf_counter()
        alone, whole = fill(folder, spans)
        filled_s = time.perf_counter() - began_s
        with serving(folder, FLOWTRACE_EMBEDDER="off") as server:
            ports, token = server.ports(), (folder / "token").read_text()
            paths = paths_of(alone, whole, random.Random(3))
            asked(ports["rest"], token, {name: paths[name] for name in list(paths)[:1]})  # warm
            figures = asked(ports["rest"], token, paths)
            load = mixed(ports, token, paths)
    return {"ms": figures, "mixed": load, "filled_s": round(filled_s)}


def main() -> int:
    """Measure each size, report."""
    sizes = [int(one) for one in sys.argv[1:]] or list(SIZES)
    found = {size: measured(size) for size in sizes}
    least, most = found[min(sizes)], found[max(sizes)]
    bars = {}
    for name, limit_ms in BARS_MS.items():
        now, before = most["ms"][name], least["ms"][name]
        bars[name] = now["p50"] <= limit_ms
        bars[f"{name}, p99"] = now["p99"] <= TAIL_MOST * max(now["p50"], NOISE_MS)
        bars[f"{name}, growth"] = now["p50"] <= GROWTH_MOST * max(before["p50"], NOISE_MS)
    load = most["mixed"]
    bars["mixed load"] = load["operations_per_s"] >= LEAST_OPERATIONS_PER_S and not load["problems"]
    figures = {"by_spans": found, "bars_ms": BARS_MS}
    return report("questions over REST as the file grows", json.loads(json.dumps(figures)), **bars)


if __name__ == "__main__":
    sys.exit(main())
