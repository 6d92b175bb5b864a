"""Points 1 to 14: OTLP over HTTP."""

import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from starlette.testclient import TestClient

from flowtrace_mcp.errors import OUTSIDE, BusyError, RateError
from flowtrace_mcp.ingest import otlp_http
from flowtrace_mcp.ingest.otlp_http import OtlpHttp
from flowtrace_mcp.settings import Settings
from flowtrace_mcp.storage.store import Store
from tests.ingest.conformance.receiver import (
    ENCODINGS,
    JSON,
    LIMIT_BYTES,
    LOGS,
    METRICS,
    PROTOBUF,
    SIGNALS,
    TRACES,
    encoded,
    read,
)
from tests.ingest.otlp_bodies import now_us, traces
from tests.waiting import wait_until

FOUR_MEBIBYTES = 4 * 1024 * 1024
REPEATED = {429, 502, 503, 504}

by_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda signal: signal.name)
by_encoding = pytest.mark.parametrize("content_type", ENCODINGS)


@by_signal
@pytest.mark.parametrize("prefix", ["", "/otlp", "/api/public/otel"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_point_01_each_signal_has_its_path_with_any_prefix_and_a_slash(
    receiver, signal, prefix, slash
):
    answer = receiver.post(b"", f"{prefix}{signal.path}{slash}")
    assert answer.status == 200


def test_point_01_the_port_is_4318_unless_told_otherwise(tmp_path):
    assert Settings(home=tmp_path, db_path=tmp_path / "a.db").otlp_http_port == 4318


@by_signal
@by_encoding
@pytest.mark.parametrize("parameters", ["", "; charset=utf-8", ";charset=UTF-8 ; v=1"])
def test_point_02_both_encodings_come_to_one_port_with_parameters(
    receiver, signal, content_type, parameters
):
    body = encoded(signal.request(), content_type)
    assert receiver.post(body, signal.path, content_type + parameters).status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/protobuf", "", "*/*"])
def test_point_02_another_type_is_415(receiver, content_type):
    assert receiver.post(b"{}", content_type=content_type).status == 415


@by_signal
@by_encoding
def test_point_03_the_answer_is_of_the_type_that_was_sent(receiver, signal, content_type):
    answer = receiver.post(encoded(signal.request(), content_type), signal.path, content_type)
    assert answer.headers["content-type"] == content_type
    assert answer.body == (b"{}" if content_type == JSON else b"")
    assert answer.headers["content-length"] == str(len(answer.body))


@by_signal
@by_encoding
@pytest.mark.parametrize("compression", ["gzip", "identity"])
def test_point_04_gzip_and_none_are_read(receiver, signal, content_type, compression):
    body = encoded(signal.request(3), content_type)
    sent = gzip.compress(body) if compression == "gzip" else body
    answer = receiver.post(sent, signal.path, content_type, content_encoding=compression)
    assert answer.status == 200


@by_encoding
def test_point_04_a_body_in_chunks_is_read(receiver, trace_id, content_type):
    body = encoded(traces(5, trace_id), content_type)
    chunks = iter([body[:7], body[7:400], body[400:]])
    assert receiver.post(chunks, content_type=content_type).status == 200
    assert len(receiver.store.spans.list_trace_spans(trace_id)) == 5


@pytest.mark.parametrize("name", ["br", "deflate", "zstd"])
def test_point_04_an_unknown_compression_is_415(receiver, name):
    assert receiver.post(b"x", content_encoding=name).status == 415


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"cut short", mtime=0)[:-3]])
def test_point_04_a_broken_gzip_is_400(receiver, body):
    assert receiver.post(body, content_encoding="gzip").status == 400


@by_encoding
def test_point_05_a_sender_that_accepts_gzip_reads_the_answer(receiver, content_type):
    request = traces()
    request.resource_spans[0].scope_spans[0].spans[0].span_id = b"short"
    body = encoded(request, content_type)
    answer = receiver.post(body, content_type=content_type, accept_encoding="gzip")
    is_packed = answer.headers.get("content-encoding") == "gzip"
    plain = gzip.decompress(answer.body) if is_packed else answer.body
    if content_type == JSON:
        assert json.loads(plain)["partialSuccess"]["rejectedSpans"] == "1"
    else:
        assert TRACES.response.FromString(plain).partial_success.rejected_spans == 1


@by_encoding
def test_point_06_a_body_over_the_limit_is_413_as_sent_and_unpacked(receiver, content_type):
    large = bytes(LIMIT_BYTES + 1)
    part = bytes(1024 * 1024)
    answers = [
        receiver.post(large, content_type=content_type),
        receiver.post(iter([part] * 9), content_type=content_type),
        receiver.post(gzip.compress(large), content_type=content_type, content_encoding="gzip"),
    ]
    assert [answer.status for answer in answers] == [413] * 3
    assert {answer.headers["content-type"] for answer in answers} == {content_type}
    assert not any("retry-after" in answer.headers for answer in answers)


@by_signal
def test_point_06_a_body_at_the_limit_is_read(receiver, signal):
    size = LIMIT_BYTES - 5
    length = bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14 & 127 | 128, size >> 21])
    body = b"\x7a" + length + bytes(size)  # field 15, which none of the three requests has
    assert len(body) == LIMIT_BYTES
    assert receiver.post(body, signal.path).status == 200


def test_point_06_an_answer_to_much_that_is_wrong_stays_small(receiver):
    request = traces(3000, trace_id=b"x" * 3)
    answer = receiver.post(request.SerializeToString())
    assert (answer.status, len(answer.body) < FOUR_MEBIBYTES // 1000) == (200, True)
    unknown = receiver.post(b"", "/" + "x" * 20_000)
    assert (unknown.status, len(unknown.body) < FOUR_MEBIBYTES // 1000) == (404, True)


@by_signal
@by_encoding
@pytest.mark.parametrize("compression", ["gzip", "identity"])
def test_point_07_nothing_at_all_is_a_success(receiver, signal, content_type, compression):
    for nothing in (b"", encoded(type(signal.request())(), content_type)):
        sent = gzip.compress(nothing) if compression == "gzip" else nothing
        answer = receiver.post(sent, signal.path, content_type, content_encoding=compression)
        assert answer.status == 200


@by_signal
def test_point_08_full_success_leaves_partial_success_unset(receiver, signal):
    answer = receiver.post(signal.request(3).SerializeToString(), signal.path)
    assert answer.status == 200
    assert not signal.response.FromString(answer.body).HasField("partial_success")


def with_one_bad(signal):
    """Return a request of three items, one of which cannot be kept."""
    request = signal.request(3)
    if signal is TRACES:
        request.resource_spans[0].scope_spans[1].spans[0].trace_id = bytes(16)
    elif signal is LOGS:
        request.resource_logs[0].scope_logs[1].log_records[0].span_id = b"short"
    else:
        metric = request.resource_metrics[0].scope_metrics[0].metrics[0]
        metric.sum.data_points[1].time_unix_nano = 0
    return request


@by_signal
@by_encoding
def test_point_09_what_is_good_is_kept_and_what_is_not_is_counted(receiver, signal, content_type):
    answer = receiver.post(encoded(with_one_bad(signal), content_type), signal.path, content_type)
    assert answer.status == 200
    if content_type == JSON:
        partial = json.loads(answer.body)["partialSuccess"]
        counts = [value for key, value in partial.items() if key.startswith("rejected")]
        assert (counts, bool(partial["errorMessage"])) == (["1"], True)
    else:
        partial = signal.response.FromString(answer.body).partial_success
        assert (getattr(partial, signal.rejected), bool(partial.error_message)) == (1, True)


def test_point_09_the_rest_of_a_refused_span_is_stored(receiver, trace_id):
    request = traces(3, trace_id)
    request.resource_spans[0].scope_spans[1].spans[0].span_id = b""
    receiver.post(request.SerializeToString())
    assert len(receiver.store.spans.list_trace_spans(trace_id)) == 2


@by_encoding
@pytest.mark.parametrize(
    ("asked", "body", "status"),
    [
        ("POST /v1/traces identity", b"\xff\xff", 400),
        ("POST /v1/traces gzip", b"\xff\xff", 400),
        ("POST /v1/nothing identity", b"", 404),
        ("PUT /v1/traces identity", b"", 405),
        ("POST /v1/traces identity", bytes(LIMIT_BYTES + 1), 413),
        ("POST /v1/traces br", b"", 415),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_point_10_an_error_is_a_status_in_the_encoding_of_the_request(
    receiver, content_type, asked, body, status
):
    method, path, compression = asked.split()
    headers = {"content-type": content_type, "content-encoding": compression}
    answer = receiver.ask(method, path, body, headers)
    assert (answer.status, answer.headers["content-type"]) == (status, content_type)
    assert answer.status_message().message


def test_point_10_an_error_about_the_type_itself_is_a_status_in_json(receiver):
    answer = receiver.post(b"x", content_type="text/plain")
    assert (answer.status, answer.headers["content-type"]) == (415, JSON)
    assert answer.status_message().message


@by_signal
@by_encoding
def test_point_11_what_cannot_be_decoded_is_400_with_what_is_wrong(receiver, signal, content_type):
    garbage = b'{"resourceSpans": 1, "resourceLogs": 1, "resourceMetrics": 1'
    answer = receiver.post(garbage, signal.path, content_type)
    assert (answer.status, answer.status_message().code) == (400, 3)
    if content_type == JSON:
        (detail,) = json.loads(answer.body)["details"]
        assert detail["@type"].endswith("/google.rpc.BadRequest")
        assert detail["fieldViolations"]
    else:
        found = BadRequest()
        assert Status.FromString(answer.body).details[0].Unpack(found)
        assert found.field_violations


class Failing:
    """A pipeline that cannot."""

    def __init__(self, error):
        self._error = error

    def traces(self, body, encoding):
        raise self._error

    logs = metrics = traces


@pytest.mark.parametrize("kind", [*OUTSIDE, RuntimeError], ids=lambda kind: kind.__name__)
def test_point_12_only_overload_asks_for_a_repetition(kind, caplog):
    with ThreadPoolExecutor(1) as workers:
        client = TestClient(OtlpHttp(Failing(kind("failed")), LIMIT_BYTES, workers))
        answer = client.post("/v1/traces", content=b"x", headers={"content-type": PROTOBUF})
    overload = {BusyError: 503, RateError: 429}
    if kind in overload:
        assert answer.status_code == overload[kind]
        assert answer.headers["retry-after"].isdigit()
    else:
        assert answer.status_code not in REPEATED
        assert "retry-after" not in answer.headers


@by_signal
def test_point_13_another_process_sees_what_was_answered_with_200(receiver, signal):
    request = signal.request()
    assert receiver.post(request.SerializeToString(), signal.path).status == 200
    other = Store(receiver.store.path, now_us)
    try:
        facts = other.facts()
    finally:
        other.close()
    stored = {TRACES: facts.span_count, LOGS: facts.log_count, METRICS: facts.metric_point_count}
    assert stored[signal] > 0


def test_point_13_requests_that_wait_for_the_disk_are_bounded(monkeypatch):
    monkeypatch.setattr(otlp_http, "REQUESTS_LIMIT", 2)
    go_on, under_way = threading.Event(), threading.Semaphore(0)

    class Slow:
        def traces(self, body, encoding):
            under_way.release()
            go_on.wait(5)
            raise BusyError("still not")

        logs = metrics = traces

    with ThreadPoolExecutor(4) as workers, ThreadPoolExecutor(2) as senders:
        client = TestClient(OtlpHttp(Slow(), LIMIT_BYTES, workers))

        def send():
            return client.post("/v1/traces", content=b"x", headers={"content-type": PROTOBUF})

        first = [senders.submit(send) for _ in range(2)]
        assert under_way.acquire(timeout=5)
        assert under_way.acquire(timeout=5)
        refused = send()
        go_on.set()
        assert [one.result().status_code for one in first] == [503, 503]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")


def test_point_14_one_connection_serves_many_requests(receiver):
    connection = receiver.connect()
    try:
        connection.connect()
        own_end = connection.sock.getsockname()
        for signal in (*SIGNALS, *SIGNALS):
            body = signal.request().SerializeToString()
            connection.request("POST", signal.path, body, {"content-type": PROTOBUF})
            assert read(connection).status == 200
        assert connection.sock.getsockname() == own_end
    finally:
        connection.close()


def test_point_14_a_refused_request_does_not_spoil_its_connection(receiver):
    connection = receiver.connect()
    try:
        for body, status in ((b"\xff", 400), (b"", 200)):
            connection.request("POST", "/v1/traces", body, {"content-type": PROTOBUF})
            assert read(connection).status == status
    finally:
        connection.close()


def test_point_14_many_connections_are_served_at_once(receiver):
    before = receiver.counts()[0]
    bodies = [
        traces(2, trace_id=bytes([0xEE, number] * 8)).SerializeToString() for number in range(24)
    ]
    with ThreadPoolExecutor(12) as senders:
        statuses = [answer.status for answer in senders.map(receiver.post, bodies)]
    assert statuses == [200] * 24
    wait_until(lambda: receiver.counts()[0] == before + 48)
