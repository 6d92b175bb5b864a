"""Log records and metric points: kept whole, and recognised when they come again."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.ingest import otlp_protobuf, otlp_protobuf_metrics
from flowtrace_mcp.ingest.log_writes import log_writes, read_log
from flowtrace_mcp.ingest.metric_writes import metric_writes, read_point
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.telemetry import LogRecord, MetricPoint, Resource, Scope
from flowtrace_mcp.storage.compression import decompress
from tests.ingest.otlp_bodies import TIME_US, metrics

DATA = Path(__file__).parent.parent / "data" / "otlp"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=20)
)
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(texts, inner))
attributes = st.dictionaries(texts, values, max_size=4)
resources = st.builds(Resource, attributes=attributes, schema_url=texts)
scopes = st.builds(Scope, name=texts, version=texts, attributes=attributes, schema_url=texts)
records = st.builds(
    LogRecord,
    time_us=st.integers(0, 2**53),
    trace_id=st.binary(min_size=16, max_size=16) | st.just(b""),
    span_id=st.binary(min_size=8, max_size=8) | st.just(b""),
    severity=st.integers(0, 24),
    event_name=texts,
    body=values,
    attributes=attributes,
    resource=resources,
    scope=scopes,
    severity_text=texts,
    observed_us=st.integers(0, 2**53),
    flags=st.integers(0, 2**32 - 1),
    dropped_attribute_count=st.integers(0, 2**32 - 1),
)
points = st.builds(
    MetricPoint,
    name=texts,
    unit=texts,
    kind=st.sampled_from(["sum", "gauge", "histogram"]),
    temporality=st.sampled_from(["delta", ""]),
    is_monotonic=st.booleans(),
    start_us=st.integers(0, 2**53),
    time_us=st.integers(0, 2**53),
    attributes=attributes,
    resource=resources,
    scope=scopes,
    value=st.none() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
    detail=attributes,
)


@settings(max_examples=30)  # each builds deep attributes
@given(records)
def test_a_log_record_reads_back_as_it_was(record):
    assert read_log(decompress(log_writes([record]).rows[0][7])) == record


@settings(max_examples=30)  # each builds deep attributes
@given(points)
def test_a_metric_point_reads_back_as_it_was(point):
    assert read_point(decompress(metric_writes([point]).rows[0][5])) == point


@pytest.mark.parametrize("path", sorted(DATA.glob("*.logs.pb")), ids=lambda path: path.name)
def test_recorded_log_records_read_back_and_are_told_apart(path):
    found, _ = otlp_protobuf.decode_logs(path.read_bytes(), received_us=TIME_US)
    rows = log_writes(found).rows
    assert [read_log(decompress(row[7])) for row in rows] == found
    assert len({row[0] for row in rows}) == len(rows)


def test_a_point_sent_again_with_another_value_is_the_same_point():
    def digests(value):
        request = metrics()
        request.resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0].as_int = value
        found, _ = otlp_protobuf_metrics.decode_metrics(request.SerializeToString())
        return [row[0] for row in metric_writes(found).rows]

    assert digests(1) == digests(2)


def test_the_order_of_attributes_makes_no_other_record():
    def digest_of(attributes):
        record = LogRecord(
            time_us=TIME_US,
            trace_id=b"",
            span_id=b"",
            severity=0,
            event_name="",
            body=None,
            attributes=attributes,
            resource=Resource(),
            scope=Scope(),
        )
        return log_writes([record]).rows[0][0]

    assert digest_of({"a": 1, "b": 2}) == digest_of({"b": 2, "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 1.5})
    assert digest_of({"a": b"x"}) != digest_of({"a": "x"})


@pytest.mark.parametrize("owner", ["attributes", "resource"])
def test_a_log_record_belongs_to_the_session_it_or_its_resource_names(owner):
    named = {"session.id": "s-1"}
    record = LogRecord(
        time_us=TIME_US,
        trace_id=b"",
        span_id=b"",
        severity=0,
        event_name="tool_result",
        body=None,
        attributes=named if owner == "attributes" else {},
        resource=Resource(attributes=named if owner == "resource" else {}),
        scope=Scope(),
    )
    writes = log_writes([record])
    assert writes.rows[0][4] == to_signed(string_id("s-1"))
    assert writes.names == {"s-1", "tool_result"}


@pytest.mark.parametrize("read", [read_log, read_point])
@pytest.mark.parametrize("data", [b"", b"\x01", b"\x93\xc4\x00\xc4\x00\x80"])
def test_bytes_that_are_none_of_ours_are_damaged(read, data):
    with pytest.raises(DamagedError):
        read(data)
