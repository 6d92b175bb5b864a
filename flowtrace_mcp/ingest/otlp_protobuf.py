"""OTLP in protobuf: request bytes to spans, log records and metric points.

Parsing costs little; touching attributes from Python is what a span costs, so every attribute
is read once and in the cheapest way there is (figures: ``bench/ingest.py``).
"""

from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from flowtrace_mcp.ingest.admission import (
    Refusals,
    id_or_none,
    log_fault,
    parent_or_root,
    span_fault,
    unreadable,
)
from flowtrace_mcp.ingest.event_names import event_name
from flowtrace_mcp.ingest.span_bytes import span_bytes
from flowtrace_mcp.model.telemetry import (
    AttributeValue,
    LogRecord,
    PayloadEncoding,
    Rejected,
    Resource,
    Scope,
    SpanEvent,
    SpanExtras,
    SpanLink,
    SpanRecord,
)

_PLAIN_VALUES: Final = frozenset(
    ("string_value", "bool_value", "int_value", "double_value", "bytes_value")
)
_LAST_KIND: Final = 5
_LAST_STATUS: Final = 2
_AnyMessage = TypeVar("_AnyMessage", bound=Message)


def decode_traces(body: bytes) -> tuple[list[SpanRecord], Rejected]:
    """Return the spans of an ExportTraceServiceRequest and what was refused of it.

    Raises:
        InputError: The body is not such a request.
    """
    request = parse_request(ExportTraceServiceRequest, body, "trace")
    raws = _raw_spans(request, body)
    records: list[SpanRecord] = []
    refusals = Refusals("spans")
    for resource_spans in request.resource_spans:
        resource = resource_of(resource_spans.resource, resource_spans.schema_url)
        for scope_spans in resource_spans.scope_spans:
            scope = scope_of(scope_spans.scope, scope_spans.schema_url)
            for span in scope_spans.spans:
                record = _span_record(span, resource, scope, next(raws))
                if fault := span_fault(record):
                    refusals.add(fault)
                else:
                    records.append(record)
    return records, refusals.rejected()


def _raw_spans(request: ExportTraceServiceRequest, body: bytes) -> Iterator[bytes]:
    scopes = [each.scope_spans for each in request.resource_spans]
    sent = span_bytes(body, [[len(scope.spans) for scope in of_one] for of_one in scopes])
    if sent is not None:
        return iter(sent)
    spans = (span for of_one in scopes for scope in of_one for span in scope.spans)
    return (span.SerializeToString() for span in spans)


def decode_logs(body: bytes, *, received_us: int) -> tuple[list[LogRecord], Rejected]:
    """Return the records of an ExportLogsServiceRequest and what was refused of it.

    Args:
        body: The request.
        received_us: The time of a record that carries none.

    Raises:
        InputError: The body is not such a request.
    """
    request = parse_request(ExportLogsServiceRequest, body, "logs")
    records: list[LogRecord] = []
    refusals = Refusals("log records")
    for resource_logs in request.resource_logs:
        resource = resource_of(resource_logs.resource, resource_logs.schema_url)
        for scope_logs in resource_logs.scope_logs:
            scope = scope_of(scope_logs.scope, scope_logs.schema_url)
            for log in scope_logs.log_records:
                record = _log_record(log, resource, scope, received_us)
                if fault := log_fault(record.trace_id, record.span_id, record.time_us):
                    refusals.add(fault)
                else:
                    records.append(record)
    return records, refusals.rejected()


def decode_span(raw: bytes, resource: Resource, scope: Scope) -> SpanRecord:
    """Return the span whose kept bytes these are.

    Raises:
        DecodeError: They are not a protobuf span.
    """
    return _span_record(trace_pb2.Span.FromString(raw), resource, scope, raw)


def decode_extras(raw: bytes) -> SpanExtras:
    """Return the events, links and state of the span whose kept bytes these are.

    Raises:
        DecodeError: They are not a protobuf span.
    """
    span = trace_pb2.Span.FromString(raw)
    return SpanExtras(
        events=tuple(
            SpanEvent(
                time_us=event.time_unix_nano // 1000,
                name=event.name,
                attributes=attributes_of(event.attributes),
            )
            for event in span.events
        ),
        links=tuple(
            SpanLink(
                trace_id=link.trace_id,
                span_id=link.span_id,
                attributes=attributes_of(link.attributes),
            )
            for link in span.links
        ),
        trace_state=span.trace_state,
        flags=span.flags,
    )


def parse_request(shape: type[_AnyMessage], body: bytes, signal: str) -> _AnyMessage:
    """Return the parsed request.

    Raises:
        InputError: The body is not a message of this shape.
    """
    try:
        return shape.FromString(body)
    except DecodeError as error:
        raise unreadable(signal, "protobuf") from error


def resource_of(resource: resource_pb2.Resource, schema_url: str) -> Resource:
    """Return what sent the telemetry."""
    return Resource(attributes=attributes_of(resource.attributes), schema_url=schema_url)


def scope_of(scope: common_pb2.InstrumentationScope, schema_url: str) -> Scope:
    """Return the instrumentation scope."""
    return Scope(
        name=scope.name,
        version=scope.version,
        attributes=attributes_of(scope.attributes),
        schema_url=schema_url,
    )


def attributes_of(pairs: Iterable[common_pb2.KeyValue]) -> dict[str, AttributeValue]:
    """Return attributes by key; of a key sent twice the last value stays."""
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs:
        value = pair.value
        # An unset field reads as its empty default, which is quicker than asking which is set.
        attributes[pair.key] = value.string_value or value.int_value or _value(value)
    return attributes


def _value(value: common_pb2.AnyValue) -> AttributeValue:
    which = value.WhichOneof("value")
    if which in _PLAIN_VALUES:
        plain: AttributeValue = getattr(value, which)
        return plain
    if which == "array_value":
        return [_value(item) for item in value.array_value.values]
    if which == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in value.kvlist_value.values}
    return None


def _span_record(span: trace_pb2.Span, resource: Resource, scope: Scope, raw: bytes) -> SpanRecord:
    start_ns = span.start_time_unix_nano
    end_ns = span.end_time_unix_nano
    kind = span.kind
    status = span.status
    code = status.code
    return SpanRecord(
        span.trace_id,
        span.span_id,
        parent_or_root(span.parent_span_id),
        span.name,
        kind if 0 <= kind <= _LAST_KIND else 0,
        start_ns // 1000,
        (end_ns - start_ns) // 1000 if end_ns > start_ns else 0,
        code if 0 <= code <= _LAST_STATUS else 0,
        status.message,
        attributes_of(span.attributes),
        resource,
        scope,
        raw,
        PayloadEncoding.PROTOBUF,
        len(span.events),
        len(span.links),
    )


def _log_record(
    log: logs_pb2.LogRecord, resource: Resource, scope: Scope, received_us: int
) -> LogRecord:
    attributes = attributes_of(log.attributes)
    time_ns = log.time_unix_nano or log.observed_time_unix_nano
    return LogRecord(
        time_us=time_ns // 1000 if time_ns else received_us,
        trace_id=id_or_none(log.trace_id),
        span_id=id_or_none(log.span_id),
        severity=log.severity_number,
        severity_text=log.severity_text,
        event_name=event_name(log.event_name, attributes),
        body=_value(log.body),
        attributes=attributes,
        resource=resource,
        scope=scope,
        observed_us=log.observed_time_unix_nano // 1000,
        flags=log.flags,
        dropped_attribute_count=log.dropped_attributes_count,
    )
