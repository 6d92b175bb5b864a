"""Points 23 to 28: what becomes of the data."""

import json

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue, KeyValueList
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.ingest.span_extras import decode_resource, decode_scope, span_extras
from flowtrace_mcp.model.telemetry import PayloadEncoding
from tests.ingest.conformance.receiver import ENCODINGS, JSON, PROTOBUF, TRACES, encoded
from tests.ingest.otlp_bodies import START_NS, TIME_US, span_id, traces

by_encoding = pytest.mark.parametrize("content_type", ENCODINGS)


def one_span(trace_id, number, parent=None, **fields):
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(
        trace_id=trace_id,
        span_id=span_id(number),
        parent_span_id=b"" if parent is None else span_id(parent),
        name=f"step {number}",
        start_time_unix_nano=START_NS + number * 1000,
        end_time_unix_nano=START_NS + 9_000_000,
        **fields,
    )
    return request


def send(receiver, request, content_type=PROTOBUF, path="/v1/traces"):
    answer = receiver.post(encoded(request, content_type), path, content_type)
    assert answer.status == 200
    return answer


@by_encoding
@pytest.mark.parametrize(
    "ids",
    [
        {"trace_id": bytes(16)},
        {"trace_id": b"\x01" * 15},
        {"trace_id": b""},
        {"span_id": bytes(8)},
        {"span_id": b"\x01" * 9},
        {"span_id": b""},
    ],
    ids=str,
)
def test_point_23_a_span_without_proper_ids_is_refused_alone(receiver, trace_id, content_type, ids):
    request = traces(3, trace_id)
    for name, value in ids.items():
        setattr(request.resource_spans[0].scope_spans[1].spans[0], name, value)
    answer = send(receiver, request, content_type)
    if content_type == JSON:
        count = int(json.loads(answer.body)["partialSuccess"]["rejectedSpans"])
    else:
        count = TRACES.response.FromString(answer.body).partial_success.rejected_spans
    assert (count, len(receiver.store.spans.list_trace_spans(trace_id))) == (1, 2)


def depths(receiver, trace_id):
    tree = receiver.get(f"/api/v1/traces/{trace_id.hex()}/tree")
    return {span["name"]: span["depth"] for span in tree["spans"]}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_point_23_a_parent_may_come_later_in_another_request(receiver, trace_id, order):
    parents = {0: None, 1: 0, 2: 1}
    for number in order:
        send(receiver, one_span(trace_id, number, parents[number]))
    assert depths(receiver, trace_id) == {"step 0": 0, "step 1": 1, "step 2": 2}


def test_point_23_a_parent_may_never_come(receiver, trace_id):
    send(receiver, one_span(trace_id, 1, parent=0))
    send(receiver, one_span(trace_id, 2, parent=1))
    assert depths(receiver, trace_id) == {"step 1": 0, "step 2": 1}


def test_point_24_a_span_that_comes_again_is_the_same_span(receiver, trace_id):
    request = traces(3, trace_id)
    twice = traces(3, trace_id)
    twice.MergeFrom(request)
    for content_type in ENCODINGS:
        send(receiver, twice, content_type)
    receiver.call(TRACES.method, request.SerializeToString())
    found = receiver.get(f"/api/v1/traces/{trace_id.hex()}")
    assert (len(found["spans"]), found["totals"]["spans"]) == (3, 3)


def test_point_24_a_span_that_comes_again_with_more_takes_its_own_place(receiver, trace_id):
    send(receiver, one_span(trace_id, 0))
    grown = one_span(trace_id, 0)
    grown.resource_spans[0].scope_spans[0].spans[0].status.code = 2
    send(receiver, grown)
    found = receiver.get(f"/api/v1/traces/{trace_id.hex()}")
    assert [span["status"] for span in found["spans"]] == ["error"]
    assert (found["totals"]["spans"], found["totals"]["errors"]) == (1, 1)


def every_kind_of_metric(prefix):
    request = ExportMetricsServiceRequest()
    metrics = request.resource_metrics.add().scope_metrics.add().metrics
    times = {"start_time_unix_nano": START_NS - 5_000_000_000, "time_unix_nano": START_NS}
    for name, temporality in (("delta", 1), ("cumulative", 2)):
        total = metrics.add(name=f"{prefix} {name}").sum
        total.aggregation_temporality, total.is_monotonic = temporality, True
        total.data_points.add(as_int=7, **times)
    gauge = metrics.add(name=f"{prefix} gauge").gauge.data_points.add(as_double=0.5, **times)
    gauge.exemplars.add(as_double=0.25, time_unix_nano=START_NS, span_id=b"\x01" * 8)
    histogram = metrics.add(name=f"{prefix} histogram").histogram
    histogram.aggregation_temporality = 1
    histogram.data_points.add(
        count=3, sum=6.5, min=1, max=4, bucket_counts=[1, 2], explicit_bounds=[2.5], **times
    )
    exponential = metrics.add(name=f"{prefix} exponential").exponential_histogram
    exponential.aggregation_temporality = 2
    point = exponential.data_points.add(count=2, sum=240, scale=3, zero_count=1, **times)
    point.positive.offset = -2
    point.positive.bucket_counts.extend([0, 1])
    summary = metrics.add(name=f"{prefix} summary").summary.data_points.add(count=2, sum=3, **times)
    summary.quantile_values.add(quantile=0.5, value=1.5)
    return request


@by_encoding
def test_point_25_every_kind_of_metric_is_kept_once(receiver, trace_id, content_type):
    prefix = trace_id.hex()
    for _ in range(2):
        send(receiver, every_kind_of_metric(prefix), content_type, "/v1/metrics")

    def found(name):
        items = receiver.get("/api/v1/metrics/points", name=f"{prefix} {name}")["items"]
        (item,) = items
        assert (item["time_us"], item["start_us"]) == (TIME_US, TIME_US - 5_000_000)
        return item

    assert [found(name)["value"] for name in ("delta", "cumulative", "gauge")] == [7, 7, 0.5]
    assert [found(name)["temporality"] for name in ("delta", "cumulative")] == [
        "delta",
        "cumulative",
    ]
    assert found("gauge")["detail"]["exemplars"][0]["value"] == 0.25
    assert found("gauge")["detail"]["exemplars"][0]["span_id"] == "01" * 8
    assert [found("histogram")[key] for key in ("kind", "count", "sum")] == ["histogram", 3, 6.5]
    assert found("histogram")["detail"] == {
        "bounds": [2.5],
        "bucket_counts": [1, 2],
        "min": 1,
        "max": 4,
    }
    exponential = found("exponential")
    assert (exponential["kind"], exponential["count"]) == ("exponential_histogram", 2)
    assert exponential["detail"]["positive"] == {"offset": -2, "bucket_counts": [0, 1]}
    assert (exponential["detail"]["scale"], exponential["detail"]["zero_count"]) == (3, 1)
    assert found("summary")["detail"] == {"quantiles": [[0.5, 1.5]]}


def test_point_25_a_counter_that_begins_anew_says_so(receiver, trace_id):
    name = f"reset {trace_id.hex()}"
    request = ExportMetricsServiceRequest()
    total = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name).sum
    total.aggregation_temporality = 2
    for start, time, value in ((0, 1, 5), (0, 2, 9), (3, 4, 1)):
        total.data_points.add(
            start_time_unix_nano=START_NS + start * 1000,
            time_unix_nano=START_NS + time * 1000,
            as_int=value,
        )
    send(receiver, request, path="/v1/metrics")
    items = receiver.get("/api/v1/metrics/points", name=name)["items"]
    assert [(one["start_us"] - TIME_US, one["value"]) for one in items] == [(0, 5), (0, 9), (3, 1)]


def log_request(trace_id, **fields):
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(trace_id=trace_id)
    for name, value in fields.items():
        setattr(record, name, value)
    return request, record


def stored_log(receiver, trace_id):
    (record,) = receiver.get("/api/v1/logs", trace_id=trace_id.hex())["items"]
    return record


@by_encoding
@pytest.mark.parametrize("is_field", [True, False])
def test_point_26_an_event_has_its_name_in_a_field_or_an_attribute(
    receiver, trace_id, content_type, is_field
):
    request, record = log_request(trace_id, time_unix_nano=START_NS)
    if is_field:
        record.event_name = "tool_result"
    else:
        record.attributes.add(key="event.name").value.string_value = "tool_result"
    send(receiver, request, content_type, "/v1/logs")
    assert stored_log(receiver, trace_id)["event"] == "tool_result"


@by_encoding
def test_point_26_the_body_of_a_record_may_be_a_map(receiver, trace_id, content_type):
    request, record = log_request(trace_id, time_unix_nano=START_NS)
    record.body.kvlist_value.values.add(key="role").value.string_value = "user"
    send(receiver, request, content_type, "/v1/logs")
    assert stored_log(receiver, trace_id)["body"] == {"role": "user"}


@by_encoding
def test_point_26_a_record_needs_no_ids(receiver, trace_id, content_type):
    session = trace_id.hex()
    request, record = log_request(b"", time_unix_nano=START_NS)
    record.attributes.add(key="session.id").value.string_value = session
    send(receiver, request, content_type, "/v1/logs")
    (found,) = receiver.get("/api/v1/logs", session=session)["items"]
    assert (found["trace_id"], found["span_id"], found["session"]) == (None, None, session)


@by_encoding
def test_point_26_the_time_of_observation_stands_in_for_a_time(receiver, trace_id, content_type):
    request, _ = log_request(trace_id, observed_time_unix_nano=START_NS)
    send(receiver, request, content_type, "/v1/logs")
    assert stored_log(receiver, trace_id)["time_us"] == TIME_US


VALUES = {
    "text": (AnyValue(string_value="é ☃"), "é ☃"),
    "empty text": (AnyValue(string_value=""), ""),
    "true": (AnyValue(bool_value=True), True),
    "false": (AnyValue(bool_value=False), False),
    "int": (AnyValue(int_value=-(2**63)), -(2**63)),
    "double": (AnyValue(double_value=-0.5), -0.5),
    "bytes": (AnyValue(bytes_value=b"\x00\xff"), "AP8="),
    "list": (
        AnyValue(array_value=ArrayValue(values=[AnyValue(int_value=1), AnyValue()])),
        [1, None],
    ),
    "map": (
        AnyValue(
            kvlist_value=KeyValueList(
                values=[KeyValue(key="a", value=AnyValue(array_value=ArrayValue()))]
            )
        ),
        {"a": []},
    ),
}


@by_encoding
def test_point_27_every_kind_of_value_is_kept(receiver, trace_id, content_type):
    request, record = log_request(trace_id, time_unix_nano=START_NS)
    for key, (value, _) in VALUES.items():
        record.attributes.add(key=key, value=value)
    send(receiver, request, content_type, "/v1/logs")
    expected = {key: value for key, (_, value) in VALUES.items()}
    assert stored_log(receiver, trace_id)["attributes"] == expected


def nested(depth):
    value = AnyValue(int_value=1)
    for _ in range(depth):
        value = AnyValue(array_value=ArrayValue(values=[value]))
    return value


@by_encoding
def test_point_27_values_are_nested(receiver, trace_id, content_type):
    request, record = log_request(trace_id, time_unix_nano=START_NS)
    record.body.CopyFrom(nested(20))
    send(receiver, request, content_type, "/v1/logs")
    body = stored_log(receiver, trace_id)["body"]
    for _ in range(20):
        (body,) = body
    assert body == 1


@by_encoding
def test_point_28_what_stands_beside_the_attributes_of_a_span_is_kept(
    receiver, trace_id, content_type
):
    request = one_span(
        trace_id,
        0,
        trace_state="vendor=1",
        flags=0x301,
        dropped_attributes_count=3,
        dropped_events_count=4,
        dropped_links_count=5,
    )
    sender = request.resource_spans[0]
    sender.schema_url, sender.scope_spans[0].schema_url = "https://a.test/1", "https://a.test/2"
    sender.scope_spans[0].spans[0].links.add(trace_id=b"\x0c" * 16, span_id=b"\x0d" * 8)
    send(receiver, request, content_type)
    (stored,) = receiver.store.spans.list_trace_spans(trace_id)
    payload = stored.payload
    extras = span_extras(payload.raw, payload.encoding)
    assert decode_resource(payload.resource).schema_url == "https://a.test/1"
    assert decode_scope(payload.scope).schema_url == "https://a.test/2"
    assert (extras.trace_state, extras.flags) == ("vendor=1", 0x301)
    assert [(link.trace_id, link.span_id) for link in extras.links] == [(b"\x0c" * 16, b"\x0d" * 8)]
    if payload.encoding == PayloadEncoding.PROTOBUF:
        kept = Span.FromString(payload.raw)
        dropped = (kept.dropped_attributes_count, kept.dropped_events_count)
        assert (*dropped, kept.dropped_links_count) == (3, 4, 5)
    else:
        told = json.loads(payload.raw)
        names = ("droppedAttributesCount", "droppedEventsCount", "droppedLinksCount")
        assert [int(told[name]) for name in names] == [3, 4, 5]


@by_encoding
def test_point_28_what_stands_beside_the_attributes_of_a_record_is_kept(
    receiver, trace_id, content_type
):
    request, _ = log_request(
        trace_id,
        time_unix_nano=START_NS,
        observed_time_unix_nano=START_NS + 2000,
        flags=1,
        dropped_attributes_count=2,
        severity_number=17,
        severity_text="error",
    )
    request.resource_logs[0].schema_url = "https://a.test/1"
    send(receiver, request, content_type, "/v1/logs")
    (stored,) = receiver.store.list_logs(after=(0, 0), limit=2, trace_id=trace_id)
    record = read_log(stored.data)
    assert record.resource.schema_url == "https://a.test/1"
    assert (record.flags, record.dropped_attribute_count) == (1, 2)
    assert (record.observed_us, record.time_us) == (TIME_US + 2, TIME_US)
    assert (record.severity, record.severity_text) == (17, "error")
