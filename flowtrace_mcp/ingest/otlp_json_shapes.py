"""The shapes of OTLP/JSON, as msgspec decodes them: every field may be absent or null.

OTLP/JSON is not plain proto3 JSON: ids are hex, enums are numbers (names are taken too), 64-bit
numbers are text or numbers, unknown fields are ignored (OTLP specification, "JSON Protobuf
Encoding").
"""

from typing import TypeAlias

import msgspec

Number: TypeAlias = int | float | str | None
Real: TypeAlias = float | str | None
Enum: TypeAlias = int | str | None


class AnyValue(msgspec.Struct, rename="camel"):
    """One attribute value; a value with no field set is null."""

    string_value: str | None = None
    int_value: Number = None
    bool_value: bool | None = None
    double_value: Real = None
    array_value: "ArrayValue | None" = None
    kvlist_value: "KeyValueList | None" = None
    bytes_value: bytes | None = None  # base64 on the wire


class KeyValue(msgspec.Struct):
    """One attribute."""

    key: str = ""
    value: AnyValue | None = None


class ArrayValue(msgspec.Struct):
    """A list of values."""

    values: list[AnyValue] | None = None


class KeyValueList(msgspec.Struct):
    """A mapping, as a list of its items."""

    values: list[KeyValue] | None = None


Attributes: TypeAlias = list[KeyValue] | None


class ResourceShape(msgspec.Struct):
    """What sent the telemetry."""

    attributes: Attributes = None


class ScopeShape(msgspec.Struct):
    """The instrumentation scope."""

    name: str | None = None
    version: str | None = None
    attributes: Attributes = None


class ScopeSpans(msgspec.Struct, rename="camel"):
    """Spans of one scope, each kept as the bytes that were sent."""

    scope: ScopeShape | None = None
    schema_url: str | None = None
    spans: list[msgspec.Raw] | None = None


class ResourceSpans(msgspec.Struct, rename="camel"):
    """Spans of one resource."""

    resource: ResourceShape | None = None
    schema_url: str | None = None
    scope_spans: list[ScopeSpans] | None = None


class TracesRequest(msgspec.Struct, rename="camel"):
    """ExportTraceServiceRequest."""

    resource_spans: list[ResourceSpans] | None = None


class StatusShape(msgspec.Struct):
    """Status of a span."""

    code: Enum = None
    message: str | None = None


class EventShape(msgspec.Struct, rename="camel"):
    """A span event."""

    time_unix_nano: Number = None
    name: str | None = None
    attributes: Attributes = None


class LinkShape(msgspec.Struct, rename="camel"):
    """A span link."""

    trace_id: str | None = None
    span_id: str | None = None
    attributes: Attributes = None


class SpanShape(msgspec.Struct, rename="camel"):
    """A span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: str | None = None
    kind: Enum = None
    start_time_unix_nano: Number = None
    end_time_unix_nano: Number = None
    attributes: Attributes = None
    status: StatusShape | None = None
    events: list[EventShape] | None = None
    links: list[LinkShape] | None = None
    trace_state: str | None = None
    flags: Number = None


class LogShape(msgspec.Struct, rename="camel"):
    """A log record."""

    time_unix_nano: Number = None
    observed_time_unix_nano: Number = None
    trace_id: str | None = None
    span_id: str | None = None
    severity_number: Enum = None
    severity_text: str | None = None
    event_name: str | None = None
    body: AnyValue | None = None
    attributes: Attributes = None
    flags: Number = None
    dropped_attributes_count: Number = None


class ScopeLogs(msgspec.Struct, rename="camel"):
    """Log records of one scope."""

    scope: ScopeShape | None = None
    schema_url: str | None = None
    log_records: list[msgspec.Raw] | None = None


class ResourceLogs(msgspec.Struct, rename="camel"):
    """Log records of one resource."""

    resource: ResourceShape | None = None
    schema_url: str | None = None
    scope_logs: list[ScopeLogs] | None = None


class LogsRequest(msgspec.Struct, rename="camel"):
    """ExportLogsServiceRequest."""

    resource_logs: list[ResourceLogs] | None = None


class ExemplarShape(msgspec.Struct, rename="camel"):
    """An exemplar of a data point."""

    time_unix_nano: Number = None
    as_int: Number = None
    as_double: Real = None
    trace_id: str | None = None
    span_id: str | None = None
    filtered_attributes: Attributes = None


class BucketsShape(msgspec.Struct, rename="camel"):
    """Buckets of one sign of an exponential histogram."""

    offset: Number = None
    bucket_counts: list[Number] | None = None


class QuantileShape(msgspec.Struct):
    """One quantile of a summary."""

    quantile: Real = None
    value: Real = None


class PointShape(msgspec.Struct, rename="camel"):
    """A data point of any kind of metric."""

    start_time_unix_nano: Number = None
    time_unix_nano: Number = None
    attributes: Attributes = None
    flags: Number = None
    as_int: Number = None
    as_double: Real = None
    count: Number = None
    sum: Real = None
    min: Real = None
    max: Real = None
    explicit_bounds: list[Real] | None = None
    bucket_counts: list[Number] | None = None
    scale: Number = None
    zero_count: Number = None
    zero_threshold: Real = None
    positive: BucketsShape | None = None
    negative: BucketsShape | None = None
    quantile_values: list[QuantileShape] | None = None
    exemplars: list[ExemplarShape] | None = None


class DataShape(msgspec.Struct, rename="camel"):
    """The points of one metric."""

    data_points: list[msgspec.Raw] | None = None
    aggregation_temporality: Enum = None
    is_monotonic: bool | None = None


class MetricShape(msgspec.Struct, rename="camel"):
    """A metric: exactly one of the five kinds is set."""

    name: str | None = None
    unit: str | None = None
    gauge: DataShape | None = None
    sum: DataShape | None = None
    histogram: DataShape | None = None
    exponential_histogram: DataShape | None = None
    summary: DataShape | None = None


class ScopeMetrics(msgspec.Struct, rename="camel"):
    """Metrics of one scope."""

    scope: ScopeShape | None = None
    schema_url: str | None = None
    metrics: list[MetricShape] | None = None


class ResourceMetrics(msgspec.Struct, rename="camel"):
    """Metrics of one resource."""

    resource: ResourceShape | None = None
    schema_url: str | None = None
    scope_metrics: list[ScopeMetrics] | None = None


class MetricsRequest(msgspec.Struct, rename="camel"):
    """ExportMetricsServiceRequest."""

    resource_metrics: list[ResourceMetrics] | None = None
