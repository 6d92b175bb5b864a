"""A large request in parts is the same request, and one of too many items is refused."""

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flowtrace_mcp.errors import InputError, TooLargeError
from flowtrace_mcp.ingest import request_parts as module
from flowtrace_mcp.ingest.request_parts import request_parts
from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.ingest.otlp_bodies import TRACE_ID, logs, metrics, otlp_json_of, traces

PROTOBUF, JSON = PayloadEncoding.PROTOBUF, PayloadEncoding.JSON
SHAPES = {
    "trace": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
MADE = {"trace": traces, "logs": logs, "metrics": metrics}
MANY = 20


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Let everything count as large, and parts hold little."""
    monkeypatch.setattr(module, "WHOLE_LIMITS_BYTES", {PROTOBUF: 0, JSON: 0})
    monkeypatch.setattr(module, "PART_ITEMS", 3)
    monkeypatch.setattr(module, "ITEMS_LIMIT", 2 * MANY + 2)


def held(message, number):
    """Return what a request, sender or scope holds: field 1 of the first, field 2 of the others."""
    return getattr(message, message.DESCRIPTOR.fields_by_number[number].name)


def request(signal, count=7):
    """Return a request of two senders, whose schema URLs differ."""
    made = MADE[signal](count)
    made.MergeFrom(made)
    first, second = held(made, 1)
    first.schema_url = "https://a.test/1"
    held(second, 2)[0].schema_url = "https://a.test/2"
    return made


def flat(request):
    """Return every item with what is said of its sender and scope."""
    return [
        (sender.resource, sender.schema_url, scope.schema_url, item)
        for sender in held(request, 1)
        for scope in held(sender, 2)
        for item in held(scope, 2)
    ]


@pytest.mark.parametrize("signal", SHAPES)
def test_the_parts_of_a_request_in_protobuf_are_the_request(signal):
    whole = request(signal)
    parts = list(request_parts(whole.SerializeToString(), PROTOBUF, signal))
    again = [SHAPES[signal].FromString(part) for part in parts]
    assert [item for part in again for item in flat(part)] == flat(whole)
    assert all(len(flat(part)) <= 3 for part in again)


def flat_json(body):
    (senders,) = json.loads(body).values()
    found = []
    for sender in senders:
        (scopes,) = (value for key, value in sender.items() if key.startswith("scope"))
        for scope in scopes:
            (items,) = (value for key, value in scope.items() if isinstance(value, list))
            said = (sender.get("resource"), sender.get("schemaUrl"), scope.get("schemaUrl"))
            found += [(*said, one) for one in items]
    return found


@pytest.mark.parametrize("signal", SHAPES)
def test_the_parts_of_a_request_in_json_are_the_request(signal):
    whole = otlp_json_of(request(signal))
    parts = list(request_parts(whole, JSON, signal))
    assert [item for part in parts for item in flat_json(part)] == flat_json(whole)
    assert all(len(flat_json(part)) <= 3 for part in parts)


def test_a_request_of_usual_size_is_not_even_looked_at(monkeypatch):
    monkeypatch.setattr(module, "WHOLE_LIMITS_BYTES", {PROTOBUF: 100, JSON: 100})
    for encoding in (PROTOBUF, JSON):
        assert list(request_parts(b"\xff" * 100, encoding, "trace")) == [b"\xff" * 100]


def test_parts_are_bounded_in_bytes_too(monkeypatch):
    monkeypatch.setattr(module, "PART_ITEMS", 100)
    monkeypatch.setattr(module, "PART_BYTES", 1000)
    body = traces(4, text="x" * 600).SerializeToString()
    parts = [
        ExportTraceServiceRequest.FromString(p) for p in request_parts(body, PROTOBUF, "trace")
    ]
    assert [len(flat(part)) for part in parts] == [2, 2]


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\x00" * (3 * MANY),
        b"\x0a\x78" + b"\x12\x00" * (3 * MANY),
        b"\x0a\x7a\x12\x78" + b"\x12\x00" * (3 * MANY),
        b"\x18\x00" * (3 * MANY),
    ],
    ids=["senders", "scopes", "items", "unknown fields"],
)
def test_too_many_of_anything_in_protobuf_are_refused(body):
    with pytest.raises(TooLargeError, match="items"):
        list(request_parts(body, PROTOBUF, "trace"))


@pytest.mark.parametrize(
    "body",
    [
        {"resourceSpans": [{}] * (3 * MANY)},
        {"resourceSpans": [{"scopeSpans": [{}] * (3 * MANY)}]},
        {"resourceSpans": [{"scopeSpans": [{"spans": [{}] * (3 * MANY)}]}]},
    ],
    ids=["senders", "scopes", "items"],
)
def test_too_many_of_anything_in_json_are_refused(body):
    with pytest.raises(TooLargeError, match="items"):
        list(request_parts(json.dumps(body).encode(), JSON, "trace"))


def crowded(place, count):
    """Return a request with many values in one place."""
    sent = traces(1)
    sender = sent.resource_spans[0]
    (span,) = sender.scope_spans[0].spans
    many = {
        "span": span.attributes,
        "event": span.events.add().attributes,
        "value": span.attributes.add().value.array_value.values,
        "sender": sender.resource.attributes,
        "scope": sender.scope_spans[0].scope.attributes,
    }[place]
    for _ in range(count):
        many.add()
    return sent


@pytest.mark.parametrize("encode", [lambda sent: sent.SerializeToString(), otlp_json_of])
@pytest.mark.parametrize("place", ["span", "event", "value", "sender", "scope"])
def test_too_many_values_in_one_place_are_refused(monkeypatch, place, encode):
    monkeypatch.setattr(module, "LARGE_ITEM_BYTES", 0)
    monkeypatch.setattr(module, "VALUES_LIMIT", 40)
    encoding = JSON if encode is otlp_json_of else PROTOBUF
    assert list(request_parts(encode(crowded(place, 20)), encoding, "trace"))
    with pytest.raises(TooLargeError, match="values"):
        list(request_parts(encode(crowded(place, 60)), encoding, "trace"))


def test_a_long_text_is_not_taken_for_values(monkeypatch):
    monkeypatch.setattr(module, "LARGE_ITEM_BYTES", 100)
    monkeypatch.setattr(module, "VALUES_LIMIT", 10)
    body = traces(1, text="\n\x00" * 1000).SerializeToString()
    assert list(request_parts(body, PROTOBUF, "trace")) == [body]


def test_values_are_counted_no_deeper_than_they_may_be_nested(monkeypatch):
    monkeypatch.setattr(module, "LARGE_ITEM_BYTES", 0)
    body = b""
    for _ in range(3000):  # an array value in an array value
        body = b"\x0a" + length(b"\x2a" + length(body))
    body = b"\x12" + length(b"\x2a" + length(body))
    body = b"\x0a" + length(b"\x12" + length(b"\x12" + length(b"\x4a" + length(body))))
    assert list(request_parts(body, PROTOBUF, "trace")) == [body]


def length(value):
    """Return bytes with their length in front."""
    size = len(value)
    return bytes([size & 127 | 128, size >> 7 & 127 | 128, size >> 14]) + value


def test_too_many_objects_in_json_are_refused_before_they_are_read(monkeypatch):
    monkeypatch.setattr(module, "JSON_OBJECTS_LIMIT", 10)
    with pytest.raises(TooLargeError):
        list(request_parts(b"{" * 11, JSON, "trace"))


@pytest.mark.parametrize(
    "body",
    [b"\x0a\x05ab", b"\x0b", b"\x80" * 11, b"\x0a\x02\x12\x05", b"\x0d\x00", b"\x09", b"\x0a"],
)
def test_what_is_no_request_in_protobuf_is_bad_input(body):
    with pytest.raises(InputError, match="protobuf"):
        list(request_parts(body, PROTOBUF, "trace"))


@pytest.mark.parametrize("body", [b"[]", b"{", b'{"resourceSpans": 4}', b"\xff"])
def test_what_is_no_request_in_json_is_left_to_be_refused_as_it_is(body):
    assert list(request_parts(body, JSON, "trace")) == [body]


def test_fixed_and_varint_fields_beside_are_kept():
    beside = b"\x29" + bytes(8) + b"\x35" + bytes(4) + b"\x38\xac\x02"
    body = traces(4).SerializeToString() + beside
    parts = list(request_parts(body, PROTOBUF, "trace"))
    assert sum(len(flat(ExportTraceServiceRequest.FromString(part))) for part in parts) == 4


def test_a_bad_item_at_the_end_keeps_the_whole_request_out(pipeline, store):
    bad_span = b"\x0a\x06\x12\x04\x12\x02\xff\xff"
    body = traces(7).SerializeToString() + bad_span
    with pytest.raises(InputError):
        pipeline.traces(body, PROTOBUF)
    assert store.facts().span_count == 0


BAD_SENDERS = (
    {"resource": 5},
    {"scopeSpans": [{"scope": "x"}]},
    {"resource": {"attributes": [{"key": 5}]}},
)


@pytest.mark.parametrize("bad", BAD_SENDERS)
def test_a_bad_sender_at_the_end_keeps_the_whole_request_out(pipeline, store, bad):
    sent = json.loads(otlp_json_of(traces(7)))
    sent["resourceSpans"].append(bad)
    with pytest.raises(InputError):
        pipeline.traces(json.dumps(sent).encode(), JSON)
    assert store.facts().span_count == 0


def test_a_bad_metric_at_the_end_keeps_the_whole_request_out(pipeline, store):
    sent = json.loads(otlp_json_of(metrics(7)))
    sent["resourceMetrics"].append({"scopeMetrics": [{"metrics": [{"name": 5}]}]})
    with pytest.raises(InputError):
        pipeline.metrics(json.dumps(sent).encode(), JSON)
    assert store.facts().metric_point_count == 0


@pytest.mark.parametrize("encoding", [PROTOBUF, JSON])
def test_a_request_in_parts_is_stored_whole_and_counts_what_was_refused(pipeline, store, encoding):
    sent = traces(MANY)
    for number in (1, 2, 17):
        sent.resource_spans[0].scope_spans[number].spans[0].span_id = bytes(8)
    body = sent.SerializeToString() if encoding == PROTOBUF else otlp_json_of(sent)
    outcome = pipeline.traces(body, encoding)
    assert (outcome.accepted_count, outcome.rejected.count) == (MANY - 3, 3)
    assert "3 refused" in outcome.rejected.message
    assert "span id" in outcome.rejected.message
    assert len(store.spans.list_trace_spans(TRACE_ID)) == MANY - 3
