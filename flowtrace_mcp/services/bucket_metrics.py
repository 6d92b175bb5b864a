"""Metrics of hours, days, sessions or calls: the numbers that trends and correlations are of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from flowtrace_mcp.analytics.ddsketch import DDSketch
from flowtrace_mcp.analytics.hyperloglog import HyperLogLog
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import DAY_US, HOUR_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.timeseries import HOURS_READ_LIMIT
from flowtrace_mcp.storage.calls import Call
from flowtrace_mcp.storage.measures import Measures
from flowtrace_mcp.storage.project_hours import ProjectHour
from flowtrace_mcp.storage.traces import Page
from flowtrace_mcp.storage.use_hours import UseFilter

Unit = Literal["hour", "day", "session", "call"]
STEPS_US: Final[Mapping[str, int]] = {"hour": HOUR_US, "day": DAY_US}
# A trend looks at every pair: 1,000 points are half a million of them.
POINTS_LIMIT: Final = 1_000
CALLS_LIMIT: Final = 5_000

Value = float | None  # None = nothing to say


def _of_measures(measures: Measures) -> dict[str, Value]:
    calls, spans = measures.model_call_count, measures.span_count
    tokens, cost_usd = measures.usage.total, measures.cost_usd
    return {
        "spans": float(spans),
        "errors": float(measures.error_count),
        "error_rate": measures.error_count / spans if spans else None,
        "model_calls": float(calls),
        "tool_calls": float(measures.tool_call_count),
        "tokens": float(tokens),
        "input_tokens": float(measures.usage.input_total),
        "output_tokens": float(measures.output_tokens or 0),
        "cost": cost_usd or 0.0,
        "tokens_per_call": tokens / calls if calls else None,
        "cost_per_call": cost_usd / calls if calls and cost_usd is not None else None,
    }


SUM_METRICS: Final = (
    "spans",
    "errors",
    "model_calls",
    "tool_calls",
    "tokens",
    "input_tokens",
    "output_tokens",
    "cost",
)
_OF_SUMS: Final = tuple(_of_measures(Measures()))
# Kept by project and hour alone, so no agent and no model narrows them.
_OF_SKETCHES: Final[Mapping[str, float]] = {
    "duration_p50": 0.5,
    "duration_p95": 0.95,
    "duration_p99": 0.99,
}
_OF_CALLS: Final[Mapping[str, Callable[[Call], Value]]] = {
    "duration": lambda call: call.duration_us / 1000,
    "input_tokens": lambda call: call.input_tokens,
    "output_tokens": lambda call: call.output_tokens,
    "tokens": lambda call: (
        None if call.input_tokens is None else call.input_tokens + (call.output_tokens or 0)
    ),
    "cost": lambda call: call.cost_usd,
}
METRICS: Final[Mapping[str, tuple[str, ...]]] = {
    "hour": (*_OF_SUMS, "sessions", *_OF_SKETCHES),
    "day": (*_OF_SUMS, "sessions", *_OF_SKETCHES),
    "session": (*_OF_SUMS, "duration"),
    "call": tuple(_OF_CALLS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The metrics of one hour, day, session or call."""

    at_us: int
    values: Mapping[str, Value]


def check_metric(unit: str, metric: str) -> None:
    """Refuse a metric that is not kept of a unit.

    Raises:
        InputError: It is not, or there is no such unit.
    """
    known = METRICS.get(unit)
    if known is None or metric not in known:
        what, told = ("unit", unit) if known is None else ("metric", metric)
        raise InputError(
            f"there is no {what} {told[:40]!r}",
            why="it is one of " + ", ".join(METRICS if known is None else known),
            mend="use one of these",
        )


def points_of(context: Context, unit: Unit, wanted: UseFilter) -> list[Point]:
    """Return the points of a window, oldest first, at most ``POINTS_LIMIT`` or ``CALLS_LIMIT``.

    Hours and days are whole ones; those in which nothing happened are 0 where a count is.

    Raises:
        InputError: The window holds too many.
    """
    match unit:
        case "call":
            return _calls(context, wanted)
        case "session":
            return _sessions(context, wanted)
        case _:
            return _buckets(context, STEPS_US[unit], wanted)


def _calls(context: Context, wanted: UseFilter) -> list[Point]:
    found = context.store.uses.list_model_calls(wanted, CALLS_LIMIT).calls
    return [
        Point(
            at_us=call.start_us,
            values={name: value_of(call) for name, value_of in _OF_CALLS.items()},
        )
        for call in reversed(found)
    ]


def _sessions(context: Context, wanted: UseFilter) -> list[Point]:
    page = Page(limit=POINTS_LIMIT, since_us=wanted.since_us, before_us=wanted.until_us)
    found = context.store.spans.list_sessions(page, wanted.project_id)
    return [
        Point(
            at_us=row.start_us,
            values=_of_measures(row.measures) | {"duration": (row.end_us - row.start_us) / 1000},
        )
        for row in reversed(found)
        if wanted.agent_id in (None, row.agent_id)
    ]


def _buckets(context: Context, size_us: int, wanted: UseFilter) -> list[Point]:
    starts = range(wanted.since_us, wanted.until_us, size_us)
    if len(starts) > POINTS_LIMIT:
        raise InputError(
            f"the window holds more than {POINTS_LIMIT} points",
            why="an answer is bounded",
            mend="ask for a shorter window, or by day",
        )
    step: Literal["day", "hour"] = "day" if size_us == DAY_US else "hour"
    sums = context.store.uses.list_uses(step, wanted, POINTS_LIMIT)
    used = {one.first: one.measures for one in sums}
    hours: dict[int, list[ProjectHour]] = {}
    if wanted.agent_id is None and wanted.model_id is None:
        for hour in context.store.uses.list_project_hours(wanted, HOURS_READ_LIMIT):
            hours.setdefault(hour.hour_us - hour.hour_us % size_us, []).append(hour)
    return [
        Point(
            at_us=start_us,
            values=_of_measures(used.get(start_us, Measures()))
            | _of_hours(hours.get(start_us, [])),
        )
        for start_us in starts
    ]


def _of_hours(hours: Sequence[ProjectHour]) -> dict[str, Value]:
    durations, sessions = DDSketch(), HyperLogLog()
    for hour in hours:
        durations.merge(hour.durations)
        sessions.merge(hour.sessions)
    found: dict[str, Value] = {"sessions": sessions.count() if hours else 0.0}
    for name, share in _OF_SKETCHES.items():
        found[name] = durations.quantile(share) / 1000 if durations.count else None
    return found
