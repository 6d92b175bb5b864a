"""Probe an OTLP/HTTP receiver: does it answer as the specification says?

    python bench/probe_otlp.py                         # a Flowtrace of its own
    python bench/probe_otlp.py http://127.0.0.1:4318   # whatever listens there

One line a probe: what was sent, what has to come back, what came back. The receiver must let pages
of ``--origin`` send (``FLOWTRACE_CORS_ORIGINS``), or the last line fails.
"""

import argparse
import gzip
import http.client
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from lab import data_folder, peak_mib, serving
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from span_bodies import requests

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
ORIGIN = "http://localhost:3000"
LARGE_BYTES = 70 * 1024 * 1024
BOMB_BYTES = 200 * 1024 * 1024
PATIENCE_S = 120


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def is_status(self) -> bool:
        """Say whether the body is a ``google.rpc.Status`` with a message."""
        try:
            if self.media_type == JSON:
                return bool(json.loads(self.body).get("message"))
            return self.media_type == PROTOBUF and bool(Status.FromString(self.body).message)
        except (ValueError, AttributeError, DecodeError):
            return False


@dataclass(frozen=True)
class Probe:
    """One request, and what is right to answer."""

    name: str
    expected: str
    body: bytes | Iterable[bytes]
    is_right: Callable[[Answer], bool]
    path: str = "/v1/traces"
    method: str = "POST"
    content_type: str = PROTOBUF
    headers: tuple[tuple[str, str], ...] = ()


def probes(origin: str) -> Iterator[Probe]:
    """Yield all probes; the large bodies are made when their turn comes."""
    yield from _readable_probes()
    yield from _unreadable_probes()
    yield from _large_probes()
    yield Probe(
        "CORS preflight",
        "2xx that allows the origin",
        b"",
        lambda one: (
            one.status in (200, 204) and one.headers.get("access-control-allow-origin") == origin
        ),
        method="OPTIONS",
        headers=(("origin", origin), ("access-control-request-method", "POST")),
    )


def _readable_probes() -> Iterator[Probe]:
    spans = next(requests(1, spans=20))
    now_ns = time.time_ns()
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": "eee19b7ec3c1b174",
        "name": "probe",
        "startTimeUnixNano": str(now_ns),
        "endTimeUnixNano": str(now_ns + 1000),
    }
    text = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    yield Probe("valid protobuf", "200", spans, _is_taken)
    yield Probe("valid gzip", "200", gzip.compress(spans), _is_taken, headers=_GZIP)
    yield Probe("JSON", "200 in JSON", text, _is_taken_in_json, content_type=JSON)
    with_charset = f"{JSON}; charset=utf-8"
    yield Probe("JSON + charset", "200 in JSON", text, _is_taken_in_json, content_type=with_charset)
    yield Probe("empty body", "200", b"", _is_taken)
    yield Probe("metrics", "200", _metrics(now_ns), _is_taken, path="/v1/metrics")
    yield Probe("logs", "200", _logs(now_ns), _is_taken, path="/v1/logs")


def _unreadable_probes() -> Iterator[Probe]:
    yield Probe("garbage protobuf", "400 + Status", b"\xff\xff\xff", _is_refused_as(400))
    yield Probe("broken gzip", "400 + Status", b"no gzip", _is_refused_as(400), headers=_GZIP)
    yield Probe(
        "wrong content type",
        "4xx + Status",
        b"x",
        lambda one: 400 <= one.status < 500 and one.is_status,
        content_type="text/plain",
    )
    yield Probe("GET", "405", b"", lambda one: one.status == 405, method="GET")


def _large_probes() -> Iterator[Probe]:
    part = bytes(1024 * 1024)
    yield Probe("70 MB body", "413 + Status", bytes(LARGE_BYTES), _is_refused_as(413))
    chunks = [part] * (LARGE_BYTES // len(part))
    yield Probe("70 MB in chunks", "413 + Status", iter(chunks), _is_refused_as(413))
    bomb = gzip.compress(bytes(BOMB_BYTES), 1)
    yield Probe("200 MB gzip bomb", "413 + Status", bomb, _is_refused_as(413), headers=_GZIP)


_GZIP = (("content-encoding", "gzip"),)


def _is_taken(answer: Answer) -> bool:
    return answer.status == 200 and answer.media_type == PROTOBUF


def _is_taken_in_json(answer: Answer) -> bool:
    return answer.status == 200 and answer.media_type == JSON


def _is_refused_as(status: int) -> Callable[[Answer], bool]:
    return lambda answer: answer.status == status and answer.is_status


def _metrics(now_ns: int) -> bytes:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="probe")
    metric.gauge.data_points.add(as_int=1, time_unix_nano=now_ns)
    return request.SerializeToString()


def _logs(now_ns: int) -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(time_unix_nano=now_ns)
    record.body.string_value = "probe"
    return request.SerializeToString()


def ask(host: str, port: int, probe: Probe) -> Answer:
    """Send one probe on a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
    headers = {"content-type": probe.content_type, **dict(probe.headers)}
    try:
        connection.request(probe.method, probe.path, probe.body, headers)
        answer = connection.getresponse()
        sent = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(status=answer.status, headers=sent, body=answer.read())
    except (OSError, http.client.HTTPException) as error:
        return Answer(status=0, headers={}, body=repr(error).encode())
    finally:
        connection.close()


@contextmanager
def receiver(address: str, origin: str) -> Iterator[tuple[str, int, int | None]]:
    """Lend host, port and process of a receiver: the one told, or one of ours."""
    if address:
        parts = urlsplit(address)
        yield parts.hostname or "127.0.0.1", parts.port or 4318, None
        return
    with data_folder() as folder, serving(folder, FLOWTRACE_CORS_ORIGINS=origin) as server:
        yield "127.0.0.1", server.ports()["otlp_http"], server.pid


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("address", nargs="?", default="", help="http://host:port; none = our own")
    parser.add_argument("--origin", default=ORIGIN, help="a page that may send, for the last probe")
    told = parser.parse_args()
    failed = 0
    with receiver(told.address, told.origin) as (host, port, pid):
        for probe in probes(told.origin):
            answer = ask(host, port, probe)
            is_right = probe.is_right(answer)
            failed += not is_right
            got = f"{answer.status} {answer.headers.get('content-type', '')}".strip()
            verdict = "pass" if is_right else "FAIL"
            print(f"{verdict}  {probe.name:<20} {probe.expected:<28} {got}", flush=True)
        if pid is not None:
            print(f"      most memory of the process: {peak_mib(pid):.0f} MiB")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
