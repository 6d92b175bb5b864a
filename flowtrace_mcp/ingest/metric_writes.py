"""Metric points to rows, and back."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flowtrace_mcp.ingest.log_writes import session_of
from flowtrace_mcp.ingest.record_bytes import Origins, digest, pack, unpack
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.telemetry import MetricPoint
from flowtrace_mcp.storage.compression import compress
from flowtrace_mcp.storage.metric_points import MetricRow


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricWrites:
    """What ``Store.insert_points`` takes."""

    rows: list[MetricRow] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # strings that stand as numbers in the rows


def metric_writes(points: Sequence[MetricPoint]) -> MetricWrites:
    """Return the rows of metric points.

    Points of one resource, scope, name, attributes and time are the same point, whatever their
    value: a sender repeats what it is not sure was received.
    """
    writes = MetricWrites()
    origins = Origins()
    for point in points:
        resource, scope = origins.resource(point.resource), origins.scope(point.scope)
        service, session = point.resource.service_name, session_of(point)
        writes.names.update((point.name, service, session))
        same = pack((resource, scope, point.name, point.attributes, point.time_us))
        writes.rows.append(
            (
                digest(same),
                point.time_us,
                to_signed(string_id(point.name)),
                to_signed(string_id(service)),
                to_signed(string_id(session)),
                compress(pack((resource, scope, _fields(point)))),
            )
        )
    writes.names.discard("")
    return writes


def read_point(data: bytes) -> MetricPoint:
    """Return the point that a row's unpacked data holds.

    Raises:
        DamagedError: The bytes are no point of ours.
    """
    resource, scope, fields = unpack(data, "metric point")
    return MetricPoint(resource=resource, scope=scope, **fields)


def _fields(point: MetricPoint) -> dict[str, object]:
    return {
        "name": point.name,
        "unit": point.unit,
        "kind": point.kind,
        "temporality": point.temporality,
        "is_monotonic": point.is_monotonic,
        "start_us": point.start_us,
        "time_us": point.time_us,
        "attributes": point.attributes,
        "value": point.value,
        "count": point.count,
        "sum": point.sum,
        "detail": point.detail,
    }
