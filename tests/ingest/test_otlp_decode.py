"""Both encodings give the same spans, records and points, and keep what can be kept."""

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest import (
    otlp_json,
    otlp_json_metrics,
    otlp_protobuf,
    otlp_protobuf_metrics,
)
from flowtrace_mcp.ingest.span_extras import decode_span, span_extras
from flowtrace_mcp.model.telemetry import PayloadEncoding, Rejected, Resource, Scope
from tests.ingest.otlp_bodies import otlp_json_of

DATA = Path(__file__).parent.parent / "data" / "otlp"
START_NS = 1_795_340_369_458_123_456
NOW_US = START_NS // 1000
TRACE_ID = bytes(range(16))
SPAN_ID = bytes(range(8))


def one_span(**fields):
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    values = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "name": "work",
        "start_time_unix_nano": START_NS,
        "end_time_unix_nano": START_NS + 5_000_000,
    }
    for name, value in (values | fields).items():
        setattr(span, name, value)
    return request


def same_span(left, right):
    fields = set(left.__slots__) - {"raw", "encoding"}
    return all(getattr(left, field) == getattr(right, field) for field in fields)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.traces*.pb")), ids=lambda path: path.stem)
def test_recorded_spans_are_the_same_in_both_encodings(path):
    body = path.read_bytes()
    from_protobuf, refused = otlp_protobuf.decode_traces(body)
    from_json, refused_json = otlp_json.decode_traces(
        otlp_json_of(ExportTraceServiceRequest.FromString(body))
    )
    assert from_protobuf
    assert refused == refused_json == Rejected()
    assert len(from_protobuf) == len(from_json)
    for left, right in zip(from_protobuf, from_json, strict=True):
        assert same_span(left, right)
        extras = span_extras(left.raw, left.encoding)
        assert extras == span_extras(right.raw, right.encoding)
        assert len(extras.events) == left.event_count


@pytest.mark.parametrize("path", sorted(DATA.glob("*.logs*.pb")), ids=lambda path: path.stem)
def test_recorded_log_records_are_the_same_in_both_encodings(path):
    body = path.read_bytes()
    as_json = otlp_json_of(ExportLogsServiceRequest.FromString(body))
    from_protobuf = otlp_protobuf.decode_logs(body, received_us=NOW_US)
    assert from_protobuf[0]
    assert from_protobuf == otlp_json.decode_logs(as_json, received_us=NOW_US)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.metrics*.pb")), ids=lambda path: path.stem)
def test_recorded_points_are_the_same_in_both_encodings(path):
    body = path.read_bytes()
    as_json = otlp_json_of(ExportMetricsServiceRequest.FromString(body))
    from_protobuf = otlp_protobuf_metrics.decode_metrics(body)
    assert from_protobuf[0]
    assert from_protobuf == otlp_json_metrics.decode_metrics(as_json)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.otlp.json")), ids=lambda path: path.stem)
def test_bodies_sent_as_json_equal_their_protobuf_copies(path):
    sent, refused = otlp_json.decode_traces(path.read_bytes())
    copy = path.with_name(path.name.removesuffix(".otlp.json") + ".pb")
    expected, _ = otlp_protobuf.decode_traces(copy.read_bytes())
    assert refused == Rejected()
    assert [same_span(*pair) for pair in zip(sent, expected, strict=True)] == [True] * len(sent)


@pytest.mark.parametrize("path", sorted(DATA.glob("*.traces*")), ids=lambda path: path.name)
def test_a_span_read_back_from_its_kept_bytes_is_the_span(path):
    decoder = otlp_protobuf if path.suffix == ".pb" else otlp_json
    for record in decoder.decode_traces(path.read_bytes())[0]:
        again = decode_span(record.raw, record.encoding, record.resource, record.scope)
        assert again == record


def test_an_empty_body_in_protobuf_is_an_empty_success():
    assert otlp_protobuf.decode_traces(b"") == ([], Rejected())
    assert otlp_protobuf.decode_logs(b"", received_us=NOW_US) == ([], Rejected())
    assert otlp_protobuf_metrics.decode_metrics(b"") == ([], Rejected())


def test_an_empty_object_in_json_is_an_empty_success():
    assert otlp_json.decode_traces(b"{}") == ([], Rejected())
    assert otlp_json.decode_logs(b'{"resourceLogs": null}', received_us=NOW_US) == ([], Rejected())
    assert otlp_json_metrics.decode_metrics(b"{}") == ([], Rejected())


@pytest.mark.parametrize("body", [b"\x0a\x05ab", b"\xff" * 9, b"not protobuf"])
def test_bytes_that_are_no_protobuf_raise_an_input_error(body):
    for decode in (otlp_protobuf.decode_traces, otlp_protobuf_metrics.decode_metrics):
        with pytest.raises(InputError, match="protobuf"):
            decode(body)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'{"resourceSpans": 4}', b'{"resourceSpans": ' + b"[" * 50_000]
)
def test_bytes_that_are_no_request_in_json_raise_an_input_error(body):
    with pytest.raises(InputError, match="JSON"):
        otlp_json.decode_traces(body)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_an_input_error(body):
    for decode in (
        otlp_protobuf.decode_traces,
        otlp_protobuf_metrics.decode_metrics,
        otlp_json.decode_traces,
        otlp_json_metrics.decode_metrics,
    ):
        with contextlib.suppress(InputError):
            decode(body)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("trace_id", b"\x01" * 15, "trace id"),
        ("trace_id", bytes(16), "trace id"),
        ("span_id", b"", "span id"),
        ("span_id", bytes(8), "span id"),
        ("parent_span_id", b"\x01" * 7, "parent span id"),
        ("start_time_unix_nano", 0, "2000"),
        ("start_time_unix_nano", 2**63, "2000"),
        ("end_time_unix_nano", 2**63, "2000"),
    ],
)
def test_a_bad_span_is_refused_with_its_reason_and_the_rest_is_kept(field, value, reason):
    request = one_span(**{field: value})
    request.MergeFrom(one_span())
    for records, rejected in (
        otlp_protobuf.decode_traces(request.SerializeToString()),
        otlp_json.decode_traces(otlp_json_of(request)),
    ):
        assert len(records) == 1
        assert rejected.count == 1
        assert reason in rejected.message


@pytest.mark.parametrize("end_ns", [0, START_NS - 1])
def test_a_span_that_ends_before_it_starts_lasts_nothing(end_ns):
    request = one_span(end_time_unix_nano=end_ns)
    records, rejected = otlp_protobuf.decode_traces(request.SerializeToString())
    assert rejected.count == 0
    assert records[0].duration_us == 0


def test_a_parent_of_zeros_is_none():
    request = one_span(parent_span_id=bytes(8))
    assert otlp_protobuf.decode_traces(request.SerializeToString())[0][0].parent_span_id == b""


def test_kinds_and_statuses_unknown_to_us_read_as_unset():
    request = one_span(kind=99)
    request.resource_spans[0].scope_spans[0].spans[0].status.code = 7
    record = otlp_protobuf.decode_traces(request.SerializeToString())[0][0]
    assert (record.kind, record.status) == (0, 0)


def span_in_json(fields):
    span = {
        "traceId": TRACE_ID.hex(),
        "spanId": SPAN_ID.hex(),
        "startTimeUnixNano": START_NS,
        "endTimeUnixNano": str(START_NS + 1000),
    }
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span | fields, span]}]}]}
    return json.dumps(body).encode()


def test_every_kind_of_value_is_read_from_json():
    values = {
        "text": ({"stringValue": ""}, ""),
        "int": ({"intValue": "-9223372036854775808"}, -(2**63)),
        "number": ({"intValue": 7}, 7),
        "false": ({"boolValue": False}, False),
        "double": ({"doubleValue": 1}, 1.0),
        "infinite": ({"doubleValue": "-Infinity"}, float("-inf")),
        "bytes": ({"bytesValue": "AAE="}, b"\x00\x01"),
        "empty": ({}, None),
        "null": (None, None),
        "array": ({"arrayValue": {"values": [{"intValue": "1"}, {}]}}, [1, None]),
        "none": ({"arrayValue": {}}, []),
        "map": (
            {"kvlistValue": {"values": [{"key": "a", "value": {"boolValue": True}}]}},
            {"a": True},
        ),
    }
    sent = [{"key": key, "value": value} for key, (value, _) in values.items()]
    records, _ = otlp_json.decode_traces(span_in_json({"attributes": sent, "later": [1]}))
    assert records[0].attributes == {key: value for key, (_, value) in values.items()}


def test_enums_may_be_names_in_json():
    fields = {"kind": "SPAN_KIND_CLIENT", "status": {"code": "STATUS_CODE_ERROR"}}
    record = otlp_json.decode_traces(span_in_json(fields))[0][0]
    assert (record.kind, record.status) == (3, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"traceId": "zz" * 16},
        {"traceId": 5},
        {"startTimeUnixNano": "soon"},
        {"startTimeUnixNano": 10**30},
        {"attributes": [{"key": "n", "value": {"intValue": "1.5"}}]},
    ],
)
def test_one_malformed_span_in_json_is_refused_alone(fields):
    records, rejected = otlp_json.decode_traces(span_in_json(fields))
    assert len(records) == 1
    assert rejected.count == 1


def test_a_value_nested_deeper_than_protobuf_allows_is_refused():
    value = {"intValue": 1}
    for _ in range(120):
        value = {"arrayValue": {"values": [value]}}
    sent = span_in_json({"attributes": [{"key": "deep", "value": value}]})
    assert otlp_json.decode_traces(sent)[1].count == 1


def test_half_a_surrogate_pair_costs_no_span():
    body = span_in_json({"name": "cut \ud83d", "traceState": "whole \U0001f600 \\ud83d"})
    records, rejected = otlp_json.decode_traces(body)
    assert rejected.count == 0
    assert records[0].name == "cut \\ud83d"
    extras = span_extras(records[0].raw, PayloadEncoding.JSON)
    assert extras.trace_state == "whole \U0001f600 \\ud83d"


def test_kept_bytes_are_the_span_alone_as_it_was_sent():
    request = one_span(trace_state="vendor=1", dropped_attributes_count=3, flags=256)
    raw = otlp_protobuf.decode_traces(request.SerializeToString())[0][0].raw
    assert Span.FromString(raw) == request.resource_spans[0].scope_spans[0].spans[0]


@given(st.dictionaries(st.text(max_size=8), st.text() | st.integers(-(2**63), 2**63 - 1)))
def test_attributes_survive_both_encodings(attributes):
    request = one_span()
    span = request.resource_spans[0].scope_spans[0].spans[0]
    for key, value in attributes.items():
        pair = span.attributes.add(key=key)
        field = "string_value" if isinstance(value, str) else "int_value"
        setattr(pair.value, field, value)
    for record in (
        otlp_protobuf.decode_traces(request.SerializeToString())[0][0],
        otlp_json.decode_traces(otlp_json_of(request))[0][0],
    ):
        assert record.attributes == attributes
        again = decode_span(record.raw, record.encoding, Resource(), Scope())
        assert again.attributes == attributes


def test_a_log_record_without_a_time_gets_the_time_of_receipt():
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(trace_id=bytes(16))
    records, rejected = otlp_protobuf.decode_logs(request.SerializeToString(), received_us=NOW_US)
    assert rejected.count == 0
    assert (records[0].time_us, records[0].trace_id) == (NOW_US, b"")


def test_a_log_record_with_half_an_id_is_refused():
    request = ExportLogsServiceRequest()
    logs = request.resource_logs.add().scope_logs.add().log_records
    logs.add(trace_id=b"\x01" * 8)
    logs.add(trace_id=TRACE_ID, span_id=b"\x01")
    records, rejected = otlp_protobuf.decode_logs(request.SerializeToString(), received_us=NOW_US)
    assert (records, rejected.count) == ([], 2)


def test_severities_may_be_names_in_json():
    log = {"severityNumber": "SEVERITY_NUMBER_WARN2", "severityText": "warn"}
    body = json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}).encode()
    records, _ = otlp_json.decode_logs(body, received_us=NOW_US)
    assert (records[0].severity, records[0].severity_text) == (14, "warn")


def every_kind_of_metric():
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    gauge = metrics.add(name="load", unit="1").gauge.data_points.add(as_int=-3)
    gauge.exemplars.add(as_double=0.5, time_unix_nano=START_NS, trace_id=TRACE_ID, span_id=SPAN_ID)
    total = metrics.add(name="spent", unit="USD").sum
    total.is_monotonic, total.aggregation_temporality = True, 1
    total.data_points.add(as_double=0.25, start_time_unix_nano=START_NS - 1_000_000)
    histogram = metrics.add(name="seconds").histogram
    histogram.aggregation_temporality = 2
    histogram.data_points.add(
        count=3, sum=6.5, min=1, max=4, bucket_counts=[1, 2], explicit_bounds=[2.5]
    )
    histogram.data_points.add(count=1, bucket_counts=[1])
    exponential = metrics.add(name="tokens").exponential_histogram.data_points.add(
        count=2, sum=240, scale=3, zero_count=1, zero_threshold=0.5
    )
    exponential.positive.offset = -2
    exponential.positive.bucket_counts.extend([0, 1])
    summary = metrics.add(name="old").summary.data_points.add(count=2, sum=3)
    summary.quantile_values.add(quantile=0.5, value=1.5)
    metrics.add(name="nothing")
    for metric in metrics:
        kind = metric.WhichOneof("data")
        for point in getattr(metric, kind).data_points if kind else ():
            point.time_unix_nano = START_NS
    return request


def test_every_kind_of_metric_is_read_and_the_same_in_both_encodings():
    request = every_kind_of_metric()
    points, rejected = otlp_protobuf_metrics.decode_metrics(request.SerializeToString())
    assert (points, rejected) == otlp_json_metrics.decode_metrics(otlp_json_of(request))
    gauge, total, histogram, unsummed, exponential, summary = points
    assert (gauge.kind, gauge.value, gauge.temporality) == ("gauge", -3, "")
    assert gauge.detail["exemplars"][0]["trace_id"] == TRACE_ID.hex()
    assert (total.value, total.temporality, total.is_monotonic) == (0.25, "delta", True)
    assert (histogram.count, histogram.sum, histogram.temporality) == (3, 6.5, "cumulative")
    assert histogram.detail == {"bounds": [2.5], "bucket_counts": [1, 2], "min": 1, "max": 4}
    assert unsummed.sum is None
    assert exponential.kind == "exponential_histogram"
    assert exponential.detail["positive"] == {"offset": -2, "bucket_counts": [0, 1]}
    assert (summary.count, summary.sum, summary.detail) == (2, 3, {"quantiles": [[0.5, 1.5]]})


def test_a_point_without_a_time_is_refused_alone():
    request = every_kind_of_metric()
    request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].time_unix_nano = 0
    for points, rejected in (
        otlp_protobuf_metrics.decode_metrics(request.SerializeToString()),
        otlp_json_metrics.decode_metrics(otlp_json_of(request)),
    ):
        assert (len(points), rejected.count) == (5, 1)
