"""OTLP metrics in JSON: request bytes to one point per data point."""

from collections.abc import Sequence
from typing import Final

import msgspec

from flowtrace_mcp.ingest import otlp_json_shapes as shapes
from flowtrace_mcp.ingest.admission import Refusals, time_fault
from flowtrace_mcp.ingest.otlp_json_values import (
    Undecodable,
    attributes_of,
    decode_request,
    hex_id,
    named,
    real,
    resource_of,
    scope_of,
    whole,
)
from flowtrace_mcp.model.telemetry import (
    AttributeValue,
    MetricPoint,
    Rejected,
    Resource,
    Scope,
)

_METRICS: Final = msgspec.json.Decoder(shapes.MetricsRequest)
_POINT: Final = msgspec.json.Decoder(shapes.PointShape)
_NOT_A_POINT: Final = "it is not a data point: a field is of the wrong type"
_KINDS: Final = ("sum", "gauge", "histogram", "exponential_histogram", "summary")
_TEMPORALITY: Final = ("", "delta", "cumulative")
_TEMPORALITIES: Final = {
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
}


def decode_metrics(body: bytes) -> tuple[list[MetricPoint], Rejected]:
    """Return the points of an ExportMetricsServiceRequest and what was refused of it.

    Raises:
        InputError: The body is not such a request.
    """
    request = decode_request(_METRICS.decode, body, "metrics")
    points: list[MetricPoint] = []
    refusals = Refusals("data points")
    for resource_metrics in request.resource_metrics or ():
        resource = resource_of(resource_metrics.resource, resource_metrics.schema_url)
        for scope_metrics in resource_metrics.scope_metrics or ():
            scope = scope_of(scope_metrics.scope, scope_metrics.schema_url)
            for metric in scope_metrics.metrics or ():
                points += _points(metric, resource, scope, refusals)
    return points, refusals.rejected()


def _points(
    metric: shapes.MetricShape, resource: Resource, scope: Scope, refusals: Refusals
) -> list[MetricPoint]:
    kind = next((each for each in _KINDS if getattr(metric, each) is not None), "")
    if not kind:
        return []
    data: shapes.DataShape = getattr(metric, kind)
    points = []
    for raw in data.data_points or ():
        try:
            point = _point(metric, kind, data, _POINT.decode(raw))
        except Undecodable:
            refusals.add(_NOT_A_POINT)
            continue
        if fault := time_fault(point.time_us):
            refusals.add(fault)
            continue
        point.resource, point.scope = resource, scope
        points.append(point)
    return points


def _point(
    metric: shapes.MetricShape, kind: str, data: shapes.DataShape, sent: shapes.PointShape
) -> MetricPoint:
    point = MetricPoint(
        name=metric.name or "",
        unit=metric.unit or "",
        kind=kind,
        temporality=_TEMPORALITY[named(data.aggregation_temporality, _TEMPORALITIES, 2)],
        is_monotonic=bool(data.is_monotonic),
        start_us=whole(sent.start_time_unix_nano) // 1000,
        time_us=whole(sent.time_unix_nano) // 1000,
        attributes=attributes_of(sent.attributes),
        resource=Resource(),
        scope=Scope(),
    )
    if kind in ("sum", "gauge"):
        point.value = _number(sent.as_int, sent.as_double)
        point.detail = _exemplars(sent.exemplars)
    else:
        point.count = whole(sent.count)
        # A summary's sum is no optional field: absent from JSON it is the default, 0.
        point.sum = real(sent.sum) if sent.sum is not None or kind == "summary" else None
        point.detail = _detail(kind, sent)
    if flags := whole(sent.flags):
        point.detail = {**point.detail, "flags": flags}
    return point


def _number(as_int: shapes.Number, as_double: shapes.Real) -> int | float | None:
    if as_int is not None:
        return whole(as_int)
    return None if as_double is None else real(as_double)


def _detail(kind: str, sent: shapes.PointShape) -> dict[str, AttributeValue]:
    if kind == "summary":
        return {
            "quantiles": [
                [real(each.quantile), real(each.value)] for each in sent.quantile_values or ()
            ]
        }
    detail: dict[str, AttributeValue]
    if kind == "histogram":
        detail = {
            "bounds": [real(bound) for bound in sent.explicit_bounds or ()],
            "bucket_counts": [whole(count) for count in sent.bucket_counts or ()],
        }
    else:
        detail = {
            "scale": whole(sent.scale),
            "zero_count": whole(sent.zero_count),
            "zero_threshold": real(sent.zero_threshold),
            "positive": _buckets(sent.positive),
            "negative": _buckets(sent.negative),
        }
    limits = {"min": sent.min, "max": sent.max}
    detail |= {name: real(limit) for name, limit in limits.items() if limit is not None}
    return detail | _exemplars(sent.exemplars)


def _buckets(buckets: shapes.BucketsShape | None) -> dict[str, AttributeValue]:
    if buckets is None:
        return {"offset": 0, "bucket_counts": []}
    return {
        "offset": whole(buckets.offset),
        "bucket_counts": [whole(count) for count in buckets.bucket_counts or ()],
    }


def _exemplars(sent: Sequence[shapes.ExemplarShape] | None) -> dict[str, AttributeValue]:
    exemplars = [
        {
            "time_us": whole(exemplar.time_unix_nano) // 1000,
            "value": _number(exemplar.as_int, exemplar.as_double) or 0.0,
            "trace_id": hex_id(exemplar.trace_id).hex(),
            "span_id": hex_id(exemplar.span_id).hex(),
            "attributes": attributes_of(exemplar.filtered_attributes),
        }
        for exemplar in sent or ()
    ]
    return {"exemplars": exemplars} if exemplars else {}
