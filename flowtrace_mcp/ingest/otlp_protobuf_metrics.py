"""OTLP metrics in protobuf: request bytes to one point per data point."""

from collections.abc import Iterable, Iterator
from typing import Final, TypeAlias

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.metrics.v1 import metrics_pb2

from flowtrace_mcp.ingest.admission import Refusals, time_fault
from flowtrace_mcp.ingest.otlp_protobuf import (
    attributes_of,
    parse_request,
    resource_of,
    scope_of,
)
from flowtrace_mcp.model.telemetry import (
    AttributeValue,
    MetricPoint,
    Rejected,
    Resource,
    Scope,
)

_TEMPORALITY: Final = {1: "delta", 2: "cumulative"}
_Distribution: TypeAlias = (
    metrics_pb2.HistogramDataPoint | metrics_pb2.ExponentialHistogramDataPoint
)
_Point: TypeAlias = metrics_pb2.NumberDataPoint | _Distribution | metrics_pb2.SummaryDataPoint


def decode_metrics(body: bytes) -> tuple[list[MetricPoint], Rejected]:
    """Return the points of an ExportMetricsServiceRequest and what was refused of it.

    Raises:
        InputError: The body is not such a request.
    """
    request = parse_request(ExportMetricsServiceRequest, body, "metrics")
    points: list[MetricPoint] = []
    refusals = Refusals("data points")
    for resource_metrics in request.resource_metrics:
        resource = resource_of(resource_metrics.resource, resource_metrics.schema_url)
        for scope_metrics in resource_metrics.scope_metrics:
            scope = scope_of(scope_metrics.scope, scope_metrics.schema_url)
            for metric in scope_metrics.metrics:
                for point in _points(metric, resource, scope):
                    if fault := time_fault(point.time_us):
                        refusals.add(fault)
                    else:
                        points.append(point)
    return points, refusals.rejected()


def _points(metric: metrics_pb2.Metric, resource: Resource, scope: Scope) -> Iterator[MetricPoint]:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    temporality = _TEMPORALITY.get(getattr(data, "aggregation_temporality", 0), "")
    for sent in data.data_points:
        point = MetricPoint(
            name=metric.name,
            unit=metric.unit,
            kind=kind,
            temporality=temporality,
            is_monotonic=getattr(data, "is_monotonic", False),
            start_us=sent.start_time_unix_nano // 1000,
            time_us=sent.time_unix_nano // 1000,
            attributes=attributes_of(sent.attributes),
            resource=resource,
            scope=scope,
        )
        _fill(point, sent)
        if sent.flags:
            point.detail = {**point.detail, "flags": sent.flags}
        yield point


def _fill(point: MetricPoint, sent: _Point) -> None:
    """Set what depends on the kind of the metric."""
    if isinstance(sent, metrics_pb2.NumberDataPoint):
        which = sent.WhichOneof("value")
        point.value = getattr(sent, which) if which else None
        point.detail = _exemplars(sent.exemplars)
        return
    point.count = sent.count
    if isinstance(sent, metrics_pb2.SummaryDataPoint):
        point.sum = sent.sum
        point.detail = {"quantiles": [[each.quantile, each.value] for each in sent.quantile_values]}
        return
    point.sum = sent.sum if sent.HasField("sum") else None
    point.detail = _shape(sent) | _limits(sent) | _exemplars(sent.exemplars)


def _shape(sent: _Distribution) -> dict[str, AttributeValue]:
    if isinstance(sent, metrics_pb2.HistogramDataPoint):
        return {
            "bounds": list(sent.explicit_bounds),
            "bucket_counts": list(sent.bucket_counts),
        }
    return {
        "scale": sent.scale,
        "zero_count": sent.zero_count,
        "zero_threshold": sent.zero_threshold,
        "positive": _buckets(sent.positive),
        "negative": _buckets(sent.negative),
    }


def _buckets(
    buckets: metrics_pb2.ExponentialHistogramDataPoint.Buckets,
) -> dict[str, AttributeValue]:
    return {"offset": buckets.offset, "bucket_counts": list(buckets.bucket_counts)}


def _limits(sent: _Distribution) -> dict[str, AttributeValue]:
    limits: dict[str, AttributeValue] = {}
    if sent.HasField("min"):
        limits["min"] = sent.min
    if sent.HasField("max"):
        limits["max"] = sent.max
    return limits


def _exemplars(sent: Iterable[metrics_pb2.Exemplar]) -> dict[str, AttributeValue]:
    exemplars = [
        {
            "time_us": exemplar.time_unix_nano // 1000,
            "value": getattr(exemplar, exemplar.WhichOneof("value") or "as_double"),
            "trace_id": exemplar.trace_id.hex(),
            "span_id": exemplar.span_id.hex(),
            "attributes": attributes_of(exemplar.filtered_attributes),
        }
        for exemplar in sent
    ]
    return {"exemplars": exemplars} if exemplars else {}
