"""Whether a metric rises or falls, and whether two go together: with how likely chance makes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, pstdev
from typing import Final, cast

from flowtrace_mcp.analytics.forecast import forecast
from flowtrace_mcp.analytics.ranks import POINTS_LEAST, Correlation, mann_kendall, spearman
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.bucket_metrics import (
    STEPS_US,
    SUM_METRICS,
    Point,
    Unit,
    check_metric,
    points_of,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.costs import known_number, wanted_project
from flowtrace_mcp.services.views.rows import Row
from flowtrace_mcp.storage.use_hours import UseFilter

STEPS_DEFAULT: Final = 30
STEPS_MOST: Final = 1_000
SIGNIFICANT: Final = 0.05
_NEAR: Final = "p_value counts chance alone, as if points did not depend on those before them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Of whose work; "" = of all."""

    unit: str = "day"
    count: int = STEPS_DEFAULT  # hours or days back from the last whole one
    project: str = ""
    agent: str = ""
    model: str = ""


def trend(context: Context, metric: str, asked: Asked) -> Row:
    """Return whether a metric rises or falls over whole hours or days.

    Raises:
        InputError: There is no such metric or unit, or agent and model do not narrow it.
        NotFoundError: No span names that project, agent or model.
    """
    if asked.unit not in STEPS_US:
        raise InputError(
            f"a trend is not kept by {asked.unit[:40]!r}",
            why="it is one of " + ", ".join(STEPS_US),
            mend="use one of these",
        )
    points = _points(context, (metric,), asked)
    told = [(one.at_us, value) for one in points if (value := one.values[metric]) is not None]
    values = [value for _, value in told]
    found = mann_kendall(values)
    body: Row = {
        "metric": metric,
        "step": asked.unit,
        "items": [{"time_us": at_us, "value": value} for at_us, value in told],
        "summary": _summary(metric, values) if values else {},
        "trend": "unknown",
        "tau": None,
        "p_value": None,
        "slope": None,
        "percent_change": None,
        "note": f"fewer than {POINTS_LEAST} points say nothing of a trend",
    }
    if found is None:
        return body
    is_one = found.probability < SIGNIFICANT
    middle = median(values)
    return body | {
        "trend": ("rising" if found.tau > 0 else "falling") if is_one else "none",
        "tau": round(found.tau, 4),
        "p_value": found.probability,
        "slope": found.slope,
        "percent_change": 100 * found.slope * (len(values) - 1) / middle if middle else None,
        "note": _NEAR,
        **_coming(metric, asked.unit, values),
    }


def correlation(context: Context, one: str, other: str, asked: Asked) -> Row:
    """Return how two metrics go together over hours, days, sessions or model calls.

    Raises:
        InputError: There is no such metric or unit, or agent and model do not narrow it.
        NotFoundError: No span names that project, agent or model.
    """
    points = _points(context, (one, other), asked)
    pairs = [
        (x, y)
        for point in points
        if (x := point.values[one]) is not None and (y := point.values[other]) is not None
    ]
    found = spearman([x for x, _ in pairs], [y for _, y in pairs])
    return {
        "metric1": one,
        "metric2": other,
        "unit": asked.unit,
        "points": len(pairs),
        "correlation_coefficient": None if found is None else round(found.rho, 4),
        "p_value": None if found is None else found.probability,
        "relationship": _words(found),
        "method": "spearman",
        "note": (
            f"fewer than {POINTS_LEAST} points, or one of the two never changes"
            if found is None
            else _NEAR
        ),
    }


def _points(context: Context, metrics: Sequence[str], asked: Asked) -> list[Point]:
    refuse_outside(("days", asked.count, 1, STEPS_MOST))
    for metric in metrics:
        check_metric(asked.unit, metric)
    is_narrowed = bool(asked.agent.strip() or asked.model.strip())
    of_sketches = [one for one in metrics if one.startswith("duration_") or one == "sessions"]
    if (is_narrowed and of_sketches) or (asked.model.strip() and asked.unit == "session"):
        raise InputError(
            "agent and model do not narrow that metric",
            why="durations and sessions of hours are kept by project alone, sessions by agent",
            mend="leave them out, or ask by call",
        )
    size_us = STEPS_US.get(asked.unit, STEPS_US["day"])
    now_us = context.now_us()
    until_us = now_us - now_us % size_us if asked.unit in STEPS_US else now_us + 1
    wanted = UseFilter(
        since_us=until_us - asked.count * size_us,
        until_us=until_us,
        project_id=wanted_project(context, asked.project),
        agent_id=known_number(context, "agent", asked.agent),
        model_id=known_number(context, "model", asked.model),
    )
    return points_of(context, cast("Unit", asked.unit), wanted)


def _summary(metric: str, values: Sequence[float]) -> Row:
    return {
        "total": sum(values) if metric in SUM_METRICS else None,
        "average": fmean(values),
        "min": min(values),
        "max": max(values),
        "std_dev": pstdev(values),
        "count": len(values),
    }


def _coming(metric: str, unit: str, values: Sequence[float]) -> Row:
    """Return what the next day and week come to, where days add up."""
    if unit != "day" or metric not in SUM_METRICS:
        return {}
    named = (("forecast_next_day", 1), ("forecast_next_week", 7))
    found = {name: forecast(values, days) for name, days in named}
    return {
        name: {"total": one.total, "low": one.low, "high": one.high}
        for name, one in found.items()
        if one is not None
    }


def _words(found: Correlation | None) -> str:
    if found is None:
        return "unknown"
    if found.probability >= SIGNIFICANT:
        return "none"
    size = abs(found.rho)
    strength = "strong" if size >= 0.5 else "moderate" if size >= 0.3 else "weak"
    return f"{strength} {'positive' if found.rho > 0 else 'negative'}"
