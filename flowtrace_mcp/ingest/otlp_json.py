"""OTLP in JSON: request bytes to spans and log records."""

from typing import Final

import msgspec

from flowtrace_mcp.ingest import otlp_json_shapes as shapes
from flowtrace_mcp.ingest.admission import (
    Refusals,
    id_or_none,
    log_fault,
    parent_or_root,
    span_fault,
)
from flowtrace_mcp.ingest.event_names import event_name
from flowtrace_mcp.ingest.otlp_json_values import (
    Undecodable,
    attributes_of,
    decode_request,
    hex_id,
    named,
    resource_of,
    scope_of,
    value_of,
    whole,
)
from flowtrace_mcp.model.telemetry import (
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

_TRACES: Final = msgspec.json.Decoder(shapes.TracesRequest)
_LOGS: Final = msgspec.json.Decoder(shapes.LogsRequest)
_SPAN: Final = msgspec.json.Decoder(shapes.SpanShape)
_LOG: Final = msgspec.json.Decoder(shapes.LogShape)
_NOT_A_SPAN: Final = "it is not a span: an id is not hex or a field is of the wrong type"
_NOT_A_LOG: Final = "it is not a log record: an id is not hex or a field is of the wrong type"

_KINDS: Final = {
    f"SPAN_KIND_{name}": number
    for number, name in enumerate(
        ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
    )
}
_STATUSES: Final = {
    f"STATUS_CODE_{name}": number for number, name in enumerate(("UNSET", "OK", "ERROR"))
}
_SEVERITIES: Final = {
    f"SEVERITY_NUMBER_{name}{step or ''}": 1 + 4 * group + (step - 1 if step else 0)
    for group, name in enumerate(("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"))
    for step in (0, 2, 3, 4)
}
_LAST_SEVERITY: Final = 24


def decode_traces(body: bytes) -> tuple[list[SpanRecord], Rejected]:
    """Return the spans of an ExportTraceServiceRequest and what was refused of it.

    Raises:
        InputError: The body is not such a request.
    """
    request = decode_request(_TRACES.decode, body, "trace")
    records: list[SpanRecord] = []
    refusals = Refusals("spans")
    for resource_spans in request.resource_spans or ():
        resource = resource_of(resource_spans.resource, resource_spans.schema_url)
        for scope_spans in resource_spans.scope_spans or ():
            scope = scope_of(scope_spans.scope, scope_spans.schema_url)
            for raw in scope_spans.spans or ():
                try:
                    record = decode_span(bytes(raw), resource, scope)
                except Undecodable:
                    refusals.add(_NOT_A_SPAN)
                    continue
                if fault := span_fault(record):
                    refusals.add(fault)
                else:
                    records.append(record)
    return records, refusals.rejected()


def decode_logs(body: bytes, *, received_us: int) -> tuple[list[LogRecord], Rejected]:
    """Return the records of an ExportLogsServiceRequest and what was refused of it.

    Args:
        body: The request.
        received_us: The time of a record that carries none.

    Raises:
        InputError: The body is not such a request.
    """
    request = decode_request(_LOGS.decode, body, "logs")
    records: list[LogRecord] = []
    refusals = Refusals("log records")
    for resource_logs in request.resource_logs or ():
        resource = resource_of(resource_logs.resource, resource_logs.schema_url)
        for scope_logs in resource_logs.scope_logs or ():
            scope = scope_of(scope_logs.scope, scope_logs.schema_url)
            for raw in scope_logs.log_records or ():
                try:
                    record = _log_record(_LOG.decode(raw), resource, scope, received_us)
                except Undecodable:
                    refusals.add(_NOT_A_LOG)
                    continue
                if fault := log_fault(record.trace_id, record.span_id, record.time_us):
                    refusals.add(fault)
                else:
                    records.append(record)
    return records, refusals.rejected()


def decode_span(raw: bytes, resource: Resource, scope: Scope) -> SpanRecord:
    """Return the span whose JSON this is.

    Raises:
        ValueError: It is not a span, or an id or number in it is none.
        RecursionError: It nests too deeply.
    """
    span = _SPAN.decode(raw)
    start_ns = whole(span.start_time_unix_nano)
    end_ns = whole(span.end_time_unix_nano)
    status = span.status or shapes.StatusShape()
    if span.events or span.links:
        _extras(span)  # what cannot be read back later is not a span to keep
    return SpanRecord(
        hex_id(span.trace_id),
        hex_id(span.span_id),
        parent_or_root(hex_id(span.parent_span_id)),
        span.name or "",
        named(span.kind, _KINDS, 5),
        start_ns // 1000,
        (end_ns - start_ns) // 1000 if end_ns > start_ns else 0,
        named(status.code, _STATUSES, 2),
        status.message or "",
        attributes_of(span.attributes),
        resource,
        scope,
        raw,
        PayloadEncoding.JSON,
        len(span.events or ()),
        len(span.links or ()),
    )


def decode_extras(raw: bytes) -> SpanExtras:
    """Return the events, links and state of the span whose JSON this is.

    Raises:
        ValueError: It is not a span, or an id or number in it is none.
        RecursionError: It nests too deeply.
    """
    return _extras(_SPAN.decode(raw))


def _extras(span: shapes.SpanShape) -> SpanExtras:
    return SpanExtras(
        events=tuple(
            SpanEvent(
                time_us=whole(event.time_unix_nano) // 1000,
                name=event.name or "",
                attributes=attributes_of(event.attributes),
            )
            for event in span.events or ()
        ),
        links=tuple(
            SpanLink(
                trace_id=hex_id(link.trace_id),
                span_id=hex_id(link.span_id),
                attributes=attributes_of(link.attributes),
            )
            for link in span.links or ()
        ),
        trace_state=span.trace_state or "",
        flags=whole(span.flags),
    )


def _log_record(
    log: shapes.LogShape, resource: Resource, scope: Scope, received_us: int
) -> LogRecord:
    attributes = attributes_of(log.attributes)
    time_ns = whole(log.time_unix_nano) or whole(log.observed_time_unix_nano)
    return LogRecord(
        time_us=time_ns // 1000 if time_ns else received_us,
        trace_id=id_or_none(hex_id(log.trace_id)),
        span_id=id_or_none(hex_id(log.span_id)),
        severity=named(log.severity_number, _SEVERITIES, _LAST_SEVERITY),
        severity_text=log.severity_text or "",
        event_name=event_name(log.event_name or "", attributes),
        body=value_of(log.body),
        attributes=attributes,
        resource=resource,
        scope=scope,
        observed_us=whole(log.observed_time_unix_nano) // 1000,
        flags=whole(log.flags),
        dropped_attribute_count=whole(log.dropped_attributes_count),
    )
