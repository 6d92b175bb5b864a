"""The receiver keeps the OTLP/HTTP specification, point by point."""

import asyncio
import gzip
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.testclient import TestClient

from flowtrace_mcp.errors import BusyError, StorageError
from flowtrace_mcp.ingest import otlp_http
from flowtrace_mcp.ingest.otlp_http import OtlpHttp, invite_browsers, otlp_http_app
from flowtrace_mcp.model.telemetry import Rejected
from flowtrace_mcp.settings import Settings
from tests.ingest.otlp_bodies import TIME_US, TRACE_ID, json_traces, logs, metrics, now_us, traces

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
LIMIT_BYTES = 64 * 1024


@pytest.fixture
def client(pipeline, tmp_path):
    settings = Settings(
        home=tmp_path, db_path=tmp_path / "flowtrace.db", max_body_bytes=LIMIT_BYTES
    )
    return TestClient(otlp_http_app(pipeline, settings), base_url="http://127.0.0.1:4318")


def post(client, body, path="/v1/traces", content_type=PROTOBUF, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(path, content=body, headers={"content-type": content_type, **names})


def span_count(store):
    return store.facts().span_count


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("prefix", ["", "/api/public/otel", "/otlp"])
def test_01_signal_paths_take_a_trailing_slash_and_a_prefix(client, store, prefix, slash):
    answer = post(client, traces().SerializeToString(), f"{prefix}/v1/traces{slash}")
    assert (answer.status_code, span_count(store)) == (200, 1)


@pytest.mark.promise("otlp-http")
def test_01_all_three_signals_are_stored(client, store):
    post(client, traces(2).SerializeToString())
    post(client, logs(3).SerializeToString(), "/v1/logs")
    post(client, metrics(4).SerializeToString(), "/v1/metrics")
    facts = store.facts()
    assert (facts.span_count, facts.log_count, facts.metric_point_count) == (2, 3, 4)


def test_01_another_path_is_not_found(client):
    answer = post(client, b"", "/v1/profiles")
    assert (answer.status_code, Status.FromString(answer.content).code) == (404, 12)


@pytest.mark.parametrize("content_type", [PROTOBUF, "Application/X-Protobuf; charset=utf-8"])
def test_02_protobuf_is_chosen_by_the_header_whatever_its_parameters(client, store, content_type):
    answer = post(client, traces().SerializeToString(), content_type=content_type)
    assert (answer.status_code, span_count(store)) == (200, 1)


@pytest.mark.parametrize("content_type", [JSON, "application/json; charset=utf-8"])
def test_02_json_is_chosen_by_the_header_whatever_its_parameters(client, store, content_type):
    answer = post(client, json_traces(), content_type=content_type)
    assert (answer.status_code, span_count(store)) == (200, 1)


@pytest.mark.parametrize("content_type", ["text/plain", "", "application/protobuf-not"])
def test_02_another_content_type_is_415(client, content_type):
    answer = post(client, json_traces(), content_type=content_type)
    assert answer.status_code == 415
    assert "x-protobuf" in answer.json()["message"]


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("/v1/traces", ExportTraceServiceResponse),
        ("/v1/logs", ExportLogsServiceResponse),
        ("/v1/metrics", ExportMetricsServiceResponse),
    ],
)
def test_03_the_answer_has_the_content_type_of_the_request(client, path, shape):
    binary = post(client, b"", path)
    text = post(client, b"{}", path, content_type=JSON)
    assert (binary.headers["content-type"], binary.content) == (PROTOBUF, b"")
    assert shape.FromString(binary.content) == shape()
    assert (text.headers["content-type"], text.content) == (JSON, b"{}")


@pytest.mark.parametrize("name", ["gzip", "GZIP", "identity"])
def test_04_gzip_and_identity_are_unpacked(client, store, name):
    body = traces().SerializeToString()
    packed = gzip.compress(body) if name.lower() == "gzip" else body
    answer = post(client, packed, content_encoding=name)
    assert (answer.status_code, span_count(store)) == (200, 1)


def test_04_gzip_of_several_members_is_unpacked_whole(client, store):
    body = traces(9).SerializeToString()
    packed = gzip.compress(body[:100]) + gzip.compress(body[100:]) + b"\0\0"
    assert post(client, packed, content_encoding="gzip").status_code == 200
    assert span_count(store) == 9


@pytest.mark.parametrize("name", ["br", "deflate", "zstd", "gzip, br"])
def test_04_an_unknown_content_encoding_is_415(client, name):
    answer = post(client, b"x", content_encoding=name)
    assert (answer.status_code, Status.FromString(answer.content).code) == (415, 3)


@pytest.mark.parametrize(
    "body",
    [
        b"not gzip at all",
        gzip.compress(b"\x0a\x02hi", mtime=0)[:-4],
        gzip.compress(b"", mtime=0) + b"rubbish",
        gzip.compress(b"a", mtime=0)[:-8] + bytes(8),
    ],
)
def test_04_broken_gzip_is_400_with_a_status(client, body):
    answer = post(client, body, content_encoding="gzip")
    assert (answer.status_code, Status.FromString(answer.content).code) == (400, 3)


def test_06_a_body_over_the_limit_is_413(client, store):
    answer = post(client, b"x" * (LIMIT_BYTES + 1))
    assert (answer.status_code, Status.FromString(answer.content).code) == (413, 8)
    assert "retry-after" not in answer.headers


def test_06_a_body_of_unannounced_length_over_the_limit_is_413(client):
    chunks = iter([b"x" * LIMIT_BYTES, b"x"])
    assert post(client, chunks).status_code == 413


def test_06_a_body_over_the_limit_after_decompression_is_413(client):
    assert post(client, gzip.compress(bytes(LIMIT_BYTES)), content_encoding="gzip").status_code == (
        400
    )  # of the right size, and no request
    bomb = gzip.compress(bytes(LIMIT_BYTES + 1))
    assert post(client, bomb, content_encoding="gzip").status_code == 413
    two = gzip.compress(bytes(LIMIT_BYTES)) + gzip.compress(b"\0")
    assert post(client, two, content_encoding="gzip").status_code == 413


@pytest.mark.parametrize("content_type", [PROTOBUF, JSON])
@pytest.mark.parametrize("compression", ["identity", "gzip"])
def test_07_an_empty_request_is_a_success(client, content_type, compression):
    answer = post(client, b"", content_type=content_type, content_encoding=compression)
    assert answer.status_code == 200


def test_08_full_success_leaves_partial_success_unset(client):
    answer = post(client, traces(3).SerializeToString())
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")


def half_good():
    request = traces(2)
    request.resource_spans[0].scope_spans[1].spans[0].trace_id = b"short"
    return request


def test_09_partial_success_counts_what_was_refused_and_says_why(client, store):
    answer = post(client, half_good().SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans, span_count(store)) == (200, 1, 1)
    assert "trace id" in partial.error_message


def test_09_partial_success_in_json_has_the_count_as_text(client):
    answer = post(client, json_traces(trace_id="00" * 16), content_type=JSON)
    partial = answer.json()["partialSuccess"]
    assert (answer.status_code, partial["rejectedSpans"]) == (200, "1")
    assert partial["errorMessage"]


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_10_and_11_bad_data_is_400_with_a_status_in_the_encoding_of_the_request(client, path):
    binary = post(client, b"\xff\xff\xff", path)
    status = Status.FromString(binary.content)
    details = BadRequest()
    assert (binary.status_code, status.code) == (400, 3)
    assert status.message
    assert status.details[0].Unpack(details)
    assert details.field_violations[0].description
    text = post(
        client, b'{"resourceSpans": 7, "resourceLogs": 7, "resourceMetrics": 7}', path, JSON
    )
    assert (text.status_code, text.json()["code"]) == (400, 3)
    assert text.json()["details"][0]["@type"] == "type.googleapis.com/google.rpc.BadRequest"


class Refusing:
    """A pipeline that cannot."""

    def __init__(self, error):
        self.error = error

    def traces(self, body, encoding):
        raise self.error

    logs = metrics = traces


def answer_of(error):
    with ThreadPoolExecutor(1) as workers:
        client = TestClient(OtlpHttp(Refusing(error), LIMIT_BYTES, workers))
        return post(client, b"x")


def test_12_overload_is_503_with_retry_after():
    answer = answer_of(BusyError("full"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert Status.FromString(answer.content).code == 14


@pytest.mark.parametrize("error", [StorageError("broken"), RuntimeError("unforeseen")])
def test_12_a_fault_of_ours_is_500_and_never_asks_for_a_retry(error, caplog):
    answer = answer_of(error)
    assert (answer.status_code, Status.FromString(answer.content).code) == (500, 13)
    assert "retry-after" not in answer.headers
    assert b"unforeseen" not in answer.content


@pytest.mark.promise("durable")
def test_13_what_was_acknowledged_is_on_disk(client, store, tmp_path):
    post(client, traces(5).SerializeToString())
    other = type(store)(tmp_path / "flowtrace.db", now_us)
    try:
        assert other.facts().span_count == 5
    finally:
        other.close()


class Waiting:
    """A pipeline that waits until it is told to go on."""

    def __init__(self):
        self.go_on = threading.Event()

    def traces(self, body, encoding):
        self.go_on.wait(5)
        return type("Outcome", (), {"rejected": Rejected()})

    logs = metrics = traces


async def ask(app, body, path="/v1/traces", more_body=False):
    """One request straight to the app; returns its status."""
    sent = []
    messages = [{"type": "http.request", "body": body, "more_body": more_body}]

    async def receive():
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    headers = [(b"content-type", PROTOBUF.encode())]
    await app({"type": "http", "path": path, "method": "POST", "headers": headers}, receive, send)
    return sent[0]["status"] if sent else None


def test_13_requests_beyond_the_bound_are_503_and_room_is_given_back(monkeypatch):
    monkeypatch.setattr(otlp_http, "REQUESTS_LIMIT", 3)
    waiting = Waiting()

    async def run(app):
        first = [asyncio.create_task(ask(app, b"x")) for _ in range(3)]
        await asyncio.sleep(0)
        refused = await ask(app, b"x")
        waiting.go_on.set()
        return refused, await asyncio.gather(*first), await ask(app, b"x")

    with ThreadPoolExecutor(4) as workers:
        assert asyncio.run(run(OtlpHttp(waiting, LIMIT_BYTES, workers))) == (503, [200] * 3, 200)


def test_13_bytes_beyond_the_bound_are_503():
    waiting = Waiting()

    async def run(app):
        first = [asyncio.create_task(ask(app, b"x" * LIMIT_BYTES)) for _ in range(2)]
        await asyncio.sleep(0)
        refused = await ask(app, b"x")
        waiting.go_on.set()
        return refused, await asyncio.gather(*first)

    with ThreadPoolExecutor(4) as workers:
        assert asyncio.run(run(OtlpHttp(waiting, LIMIT_BYTES, workers))) == (503, [200] * 2)


def test_14_the_loop_serves_others_while_a_request_is_stored():
    waiting = Waiting()

    async def run(app):
        slow = asyncio.create_task(ask(app, b"x"))
        await asyncio.sleep(0)
        quick = await ask(app, b"", path="/elsewhere")
        waiting.go_on.set()
        return quick, await slow

    with ThreadPoolExecutor(1) as workers:
        assert asyncio.run(run(OtlpHttp(waiting, LIMIT_BYTES, workers))) == (404, 200)


def test_14_a_sender_that_hangs_up_is_not_answered_and_stores_nothing(pipeline, store):
    with ThreadPoolExecutor(1) as workers:
        app = OtlpHttp(pipeline, LIMIT_BYTES, workers)
        body = traces().SerializeToString()
        assert asyncio.run(ask(app, body, more_body=True)) is None
    assert span_count(store) == 0


@pytest.mark.parametrize("trace_id", [TRACE_ID.hex(), TRACE_ID.hex().upper()])
def test_15_json_ids_are_hex_of_either_case(client, store, trace_id):
    post(client, json_traces(trace_id=trace_id), content_type=JSON)
    assert store.spans.find_trace(TRACE_ID) is not None


def test_16_json_enums_unknown_fields_and_numbers_are_tolerated(client, store):
    body = json_traces(
        kind="SPAN_KIND_CLIENT", novelty={"a": [1]}, startTimeUnixNano=TIME_US * 1000
    )
    assert post(client, body, content_type=JSON).content == b"{}"
    assert store.spans.list_trace_spans(TRACE_ID)[0].edge.kind == 3


def test_17_an_attribute_with_an_empty_value_is_kept(client, store):
    body = json_traces(attributes=[{"key": "nothing", "value": {}}])
    assert post(client, body, content_type=JSON).status_code == 200
    payload = store.spans.list_trace_spans(TRACE_ID)[0].payload
    assert json.loads(payload.raw)["attributes"] == [{"key": "nothing", "value": {}}]


def test_24_a_span_sent_twice_is_stored_once(client, store):
    body = traces(3).SerializeToString()
    assert [post(client, body).status_code for _ in range(2)] == [200, 200]
    assert span_count(store) == 3


@pytest.mark.parametrize(("path", "request_of"), [("/v1/logs", logs), ("/v1/metrics", metrics)])
def test_25_records_and_points_sent_twice_are_stored_once(client, store, path, request_of):
    body = request_of(3).SerializeToString()
    assert [post(client, body, path).status_code for _ in range(2)] == [200, 200]
    assert store.facts().log_count + store.facts().metric_point_count == 3


def test_30_cross_origin_requests_of_browsers_are_not_invited_unasked(client):
    answer = client.options(
        "/v1/traces", headers={"origin": "https://e.test", "access-control-request-method": "POST"}
    )
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_30_browsers_are_told_which_pages_may_send(client):
    origin = "http://localhost:3000"
    inviting = TestClient(invite_browsers(client.app, [origin]))
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x-a"}
    answers = [
        inviting.options("/v1/traces", headers={"origin": one, **asked})
        for one in (origin, "http://localhost:4000")
    ]
    assert [one.status_code for one in answers] == [200, 400]
    allowed = [one.headers.get("access-control-allow-origin") for one in answers]
    assert allowed == [origin, None]
    sent = post(inviting, b"", origin=origin)
    assert (sent.status_code, sent.headers["access-control-allow-origin"]) == (200, origin)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_32_other_methods_are_405_and_told_what_is_allowed(client, method):
    answer = client.request(method, "/v1/traces")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert answer.json()["message"]


def test_33_the_path_of_langfuse_ignores_basic_auth(client, store):
    answer = post(
        client,
        traces().SerializeToString(),
        "/api/public/otel/v1/traces",
        authorization="Basic cGs6c2s=",
    )
    assert (answer.status_code, span_count(store)) == (200, 1)
