"""What is stored as OTLP requests in protobuf again.

Spans are the bytes that their sender sent, with all that we do not know in them; a span that came as
JSON is the same in protobuf. Log records and points are made anew from what is kept of them.
"""

import base64
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
from google.protobuf import json_format
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.ingest.metric_writes import read_point
from flowtrace_mcp.ingest.span_extras import decode_resource, decode_scope
from flowtrace_mcp.model.telemetry import (
    Attributes,
    AttributeValue,
    LogRecord,
    MetricPoint,
    PayloadEncoding,
    Resource,
    Scope,
)
from flowtrace_mcp.storage.payloads import StoredPayload

# Takes a key and a text, and returns the text as it may leave.
Clean: TypeAlias = Callable[[str, str], str]

_HEX_IDS: Final = ("traceId", "spanId", "parentSpanId")
_TEMPORALITY: Final = {"delta": 1, "cumulative": 2}
_SCALARS: Final[Mapping[type, str]] = {
    bool: "bool_value",
    int: "int_value",
    float: "double_value",
    bytes: "bytes_value",
}
_TOTALS: Final = ("sum", "gauge")


def trace_request(payloads: Iterable[StoredPayload], clean: Clean) -> tuple[bytes, int]:
    """Return a request with some spans, and how many of them could not be read."""
    request = ExportTraceServiceRequest()
    unreadable_count = 0
    scopes: dict[tuple[bytes, bytes], Any] = {}
    senders: dict[bytes, Any] = {}
    for payload in payloads:
        span = _span_of(payload)
        if span is None:
            unreadable_count += 1
            continue
        place = scopes.get((payload.resource, payload.scope))
        if place is None:
            sender = senders.get(payload.resource)
            if sender is None:
                sender = senders[payload.resource] = request.resource_spans.add()
                _set_resource(sender, decode_resource(payload.resource), clean)
            place = scopes[payload.resource, payload.scope] = sender.scope_spans.add()
            _set_scope(place, decode_scope(payload.scope), clean)
        _clean_span(span, clean)
        place.spans.append(span)
    return request.SerializeToString(), unreadable_count


def trace_json(payloads: Iterable[StoredPayload], clean: Clean) -> dict[str, Any]:
    """Return a request with some spans as OTLP/JSON, for people to read."""
    request, _ = trace_request(payloads, clean)
    found: dict[str, Any] = json_format.MessageToDict(ExportTraceServiceRequest.FromString(request))
    return found


def logs_request(records: Iterable[bytes], clean: Clean) -> bytes:
    """Return a request with some log records."""
    request = ExportLogsServiceRequest()
    for record in map(read_log, records):
        sender = request.resource_logs.add()
        _set_resource(sender, record.resource, clean)
        scope = sender.scope_logs.add()
        _set_scope(scope, record.scope, clean)
        scope.log_records.append(_log_of(record, clean))
    return request.SerializeToString()


def metrics_request(points: Iterable[bytes], clean: Clean) -> bytes:
    """Return a request with some points."""
    request = ExportMetricsServiceRequest()
    for point in map(read_point, points):
        sender = request.resource_metrics.add()
        _set_resource(sender, point.resource, clean)
        scope = sender.scope_metrics.add()
        _set_scope(scope, point.scope, clean)
        _add_point(scope.metrics.add(name=point.name, unit=point.unit), point, clean)
    return request.SerializeToString()


def _span_of(payload: StoredPayload) -> trace_pb2.Span | None:
    try:
        if payload.encoding == PayloadEncoding.PROTOBUF:
            return trace_pb2.Span.FromString(payload.raw)
        said = _with_byte_ids(msgspec.json.decode(payload.raw))
        return json_format.ParseDict(said, trace_pb2.Span(), ignore_unknown_fields=True)
    except (DecodeError, msgspec.DecodeError, json_format.ParseError, ValueError, TypeError):
        return None


def _with_byte_ids(said: Any) -> Any:
    """Return a span of OTLP/JSON with its ids in base64, as protobuf's own JSON has them."""
    links = [_with_byte_ids(link) for link in said.get("links") or []]
    ids = {
        name: base64.b64encode(bytes.fromhex(said[name])).decode()
        for name in _HEX_IDS
        if isinstance(said.get(name), str)
    }
    return {**said, **ids, **({"links": links} if links else {})}


def _set_resource(sender: Any, resource: Resource, clean: Clean) -> None:
    sender.schema_url = resource.schema_url
    sender.resource.CopyFrom(resource_pb2.Resource(attributes=_pairs(resource.attributes, clean)))


def _set_scope(place: Any, scope: Scope, clean: Clean) -> None:
    place.schema_url = scope.schema_url
    place.scope.CopyFrom(
        common_pb2.InstrumentationScope(
            name=scope.name, version=scope.version, attributes=_pairs(scope.attributes, clean)
        )
    )


def _clean_span(span: trace_pb2.Span, clean: Clean) -> None:
    _clean_pairs(span.attributes, clean)
    for event in span.events:
        _clean_pairs(event.attributes, clean)
    for link in span.links:
        _clean_pairs(link.attributes, clean)
    if span.status.message:
        span.status.message = clean("", span.status.message)


def _clean_pairs(pairs: Iterable[common_pb2.KeyValue], clean: Clean) -> None:
    for pair in pairs:
        _clean_value(pair.key, pair.value, clean)


def _clean_value(key: str, value: common_pb2.AnyValue, clean: Clean) -> None:
    which = value.WhichOneof("value")
    if which == "string_value":
        text = clean(key, value.string_value)
        if text != value.string_value:
            value.string_value = text
    elif which == "array_value":
        for item in value.array_value.values:
            _clean_value(key, item, clean)
    elif which == "kvlist_value":
        _clean_pairs(value.kvlist_value.values, clean)


def _pairs(attributes: Attributes, clean: Clean) -> list[common_pb2.KeyValue]:
    return [
        common_pb2.KeyValue(key=key, value=_value(key, value, clean))
        for key, value in attributes.items()
    ]


def _value(key: str, value: AttributeValue, clean: Clean) -> common_pb2.AnyValue:
    made = common_pb2.AnyValue()
    if isinstance(value, str):
        made.string_value = clean(key, value)
    elif isinstance(value, Mapping):
        made.kvlist_value.SetInParent()
        made.kvlist_value.values.extend(_pairs(value, clean))
    elif type(value) in _SCALARS:
        setattr(made, _SCALARS[type(value)], value)
    elif isinstance(value, Sequence):
        made.array_value.SetInParent()
        made.array_value.values.extend(_value(key, item, clean) for item in value)
    return made


def _log_of(record: LogRecord, clean: Clean) -> logs_pb2.LogRecord:
    severity: Any = record.severity
    return logs_pb2.LogRecord(
        time_unix_nano=record.time_us * 1000,
        observed_time_unix_nano=record.observed_us * 1000,
        severity_number=severity,
        severity_text=record.severity_text,
        body=None if record.body is None else _value("", record.body, clean),
        attributes=_pairs(record.attributes, clean),
        dropped_attributes_count=record.dropped_attribute_count,
        flags=record.flags,
        trace_id=record.trace_id,
        span_id=record.span_id,
        event_name=record.event_name,
    )


def _add_point(metric: metrics_pb2.Metric, point: MetricPoint, clean: Clean) -> None:
    data = getattr(metric, point.kind)
    data.SetInParent()
    if point.temporality:
        data.aggregation_temporality = _TEMPORALITY[point.temporality]
    if point.kind == "sum":
        data.is_monotonic = point.is_monotonic
    made = data.data_points.add(
        time_unix_nano=point.time_us * 1000,
        start_time_unix_nano=point.start_us * 1000,
        attributes=_pairs(point.attributes, clean),
        flags=_whole(point.detail.get("flags")),
    )
    if point.kind in _TOTALS:
        if isinstance(point.value, int):
            made.as_int = point.value
        elif point.value is not None:
            made.as_double = point.value
    else:
        made.count = point.count or 0
        if point.sum is not None:
            made.sum = point.sum
        _set_shape(made, point.kind, point.detail)
    if point.kind != "summary":
        _add_exemplars(made, point.detail.get("exemplars"), clean)


def _set_shape(made: Any, kind: str, detail: Mapping[str, Any]) -> None:
    if kind == "summary":
        for quantile, value in detail.get("quantiles") or []:
            made.quantile_values.add(quantile=quantile, value=value)
        return
    for limit in ("min", "max"):
        if limit in detail:
            setattr(made, limit, detail[limit])
    if kind == "histogram":
        made.explicit_bounds.extend(detail.get("bounds") or [])
        made.bucket_counts.extend(map(int, detail.get("bucket_counts") or []))
        return
    made.scale = detail.get("scale") or 0
    made.zero_count = int(detail.get("zero_count") or 0)
    made.zero_threshold = detail.get("zero_threshold") or 0.0
    for side in ("positive", "negative"):
        buckets = detail.get(side) or {}
        getattr(made, side).offset = buckets.get("offset") or 0
        getattr(made, side).bucket_counts.extend(map(int, buckets.get("bucket_counts") or []))


def _add_exemplars(made: Any, exemplars: Any, clean: Clean) -> None:
    for told in exemplars or []:
        exemplar = made.exemplars.add(
            time_unix_nano=told["time_us"] * 1000,
            trace_id=bytes.fromhex(told["trace_id"]),
            span_id=bytes.fromhex(told["span_id"]),
            filtered_attributes=_pairs(told["attributes"], clean),
        )
        if isinstance(told["value"], int):
            exemplar.as_int = told["value"]
        else:
            exemplar.as_double = told["value"]


def _whole(value: AttributeValue) -> int:
    return value if isinstance(value, int) else 0
