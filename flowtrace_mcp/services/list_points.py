"""List metric points, oldest first."""

from dataclasses import dataclass
from typing import Any, Final

from flowtrace_mcp.ingest.log_writes import session_of
from flowtrace_mcp.ingest.metric_writes import read_point
from flowtrace_mcp.model.ids import string_id
from flowtrace_mcp.model.telemetry import Attributes, MetricPoint
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.listing import Listed, Position, Window, first_after

VALUE_KINDS: Final = ("sum", "gauge")


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """What every point has; None = not said."""

    name: str
    service: str | None
    session: str | None
    kind: str  # sum, gauge, histogram, exponential_histogram, summary
    temporality: str  # delta, cumulative or ""
    unit: str
    start_us: int | None  # since when a sum, histogram or summary counts
    time_us: int
    attributes: Attributes
    detail: Attributes  # buckets, bounds, quantiles, least, most, exemplars: what the kind has


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuePointRow(PointRow):
    """A point of a sum or gauge."""

    value: float | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountPointRow(PointRow):
    """A point of a histogram or summary."""

    count: int | None
    sum: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFilter:
    """Which points; "" = all."""

    name: str = ""
    service: str = ""
    session: str = ""
    window: Window


def list_points(
    context: Context, wanted: PointFilter, position: Position | None, limit: int
) -> Listed[PointRow]:
    """Return at most ``limit`` metric points, oldest first, by name, service and session."""
    stored = context.store.list_points(
        after=first_after(wanted.window, position),
        limit=limit,
        name_id=string_id(wanted.name),
        service_id=string_id(wanted.service),
        session_id=string_id(wanted.session),
    )
    is_full = len(stored) == limit
    until_us = wanted.window.until_us
    if until_us is not None:
        stored = [one for one in stored if one.time_us < until_us]
        is_full = is_full and len(stored) == limit
    last = stored[-1] if is_full else None
    return Listed(
        items=[_row(read_point(one.data)) for one in stored],
        next=None if last is None else Position(time_us=last.time_us, number=last.digest),
    )


def _row(point: MetricPoint) -> PointRow:
    shared: dict[str, Any] = {
        "name": point.name,
        "service": point.resource.service_name or None,
        "session": session_of(point) or None,
        "kind": point.kind,
        "temporality": point.temporality,
        "unit": point.unit,
        "start_us": point.start_us or None,
        "time_us": point.time_us,
        "attributes": point.attributes,
        "detail": point.detail,
    }
    if point.kind in VALUE_KINDS:
        return ValuePointRow(**shared, value=point.value)
    return CountPointRow(**shared, count=point.count, sum=point.sum)
