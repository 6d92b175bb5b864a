"""What happened hour by hour or day by day: calls, tokens, cost, errors, durations, sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from flowtrace_mcp.analytics.ddsketch import DDSketch
from flowtrace_mcp.analytics.hyperloglog import HyperLogLog
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import DAY_US, HOUR_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.costs import wanted_project
from flowtrace_mcp.services.views.rows import Row, full, ms, usd
from flowtrace_mcp.storage.measures import Measures
from flowtrace_mcp.storage.project_hours import ProjectHour
from flowtrace_mcp.storage.use_hours import UseFilter

Step = Literal["hour", "day"]
STEPS: Final[dict[Step, int]] = {"hour": HOUR_US, "day": DAY_US}
BUCKETS_LIMIT: Final = 1_000
# Rows of project and hour that are merged for one answer: a month of 60 projects at work.
HOURS_READ_LIMIT: Final = 50_000
_PERCENTILES: Final = (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99))


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One row a bucket in which something happened, oldest first, and all of them as one."""

    buckets: tuple[Row, ...]
    total: Row


def timeseries(
    context: Context, step: Step, window_us: tuple[int, int], project: str = ""
) -> Series:
    """Return what happened in whole hours or days of a window.

    Args:
        context: The means of the program.
        step: How long a bucket is.
        window_us: Begins with the bucket of its first microsecond and ends before that of its
            last.
        project: Only this one; "" = all.

    Raises:
        InputError: There is no such step, or the window holds too many of them.
        NotFoundError: There is no such project.
    """
    if step not in STEPS:
        raise InputError(
            f"there is no step {str(step)[:40]!r}",
            why="use is summed by " + " and ".join(STEPS),
            mend="ask by one of these",
        )
    size_us = STEPS[step]
    since_us = window_us[0] - window_us[0] % size_us
    until_us = window_us[1] + -window_us[1] % size_us
    if (until_us - since_us) // size_us > BUCKETS_LIMIT:
        raise InputError(
            f"the window holds more than {BUCKETS_LIMIT} buckets",
            why="an answer is bounded",
            mend="ask for a shorter window, or by day",
        )
    project_id = wanted_project(context, project)
    wanted = UseFilter(since_us=since_us, until_us=until_us, project_id=project_id)
    used = {
        one.first: one.measures for one in context.store.uses.list_uses(step, wanted, BUCKETS_LIMIT)
    }
    hours: dict[int, list[ProjectHour]] = {}
    for hour in context.store.uses.list_project_hours(wanted, HOURS_READ_LIMIT):
        hours.setdefault(hour.hour_us - hour.hour_us % size_us, []).append(hour)
    buckets = [
        {"time_us": start_us, **_row(measures, hours.get(start_us, []))}
        for start_us, measures in used.items()
    ]
    everything = context.store.uses.list_uses("nothing", wanted, 1)
    all_hours = [hour for group in hours.values() for hour in group]
    total = _row(everything[0].measures, all_hours) if everything else {}
    return Series(buckets=tuple(buckets), total=total)


def _row(measures: Measures, hours: Sequence[ProjectHour]) -> Row:
    count, percentiles = _told(*_merged(hours))
    row: Row = {
        "spans": measures.span_count,
        "errors": measures.error_count,
        "calls": measures.model_call_count,
        "tools": measures.tool_call_count,
        "sessions": count,
        "input": measures.usage.input_total,
        "output": measures.output_tokens,
        "usd": usd(measures.cost_usd),
    }
    return full(row | dict(percentiles))


# The sketches of hours that are over are the same objects again, see ``list_project_hours``.
@lru_cache(maxsize=256)
def _told(durations: DDSketch, sessions: HyperLogLog) -> tuple[int, tuple[tuple[str, float], ...]]:
    """Return how many sessions there were, and percentiles of durations in milliseconds."""
    count = round(sessions.count())
    if not durations.count:
        return count, ()
    found = durations.quantiles([q for _, q in _PERCENTILES])
    return count, tuple((name, ms(us)) for (name, _), us in zip(_PERCENTILES, found, strict=True))


def _merged(hours: Sequence[ProjectHour]) -> tuple[DDSketch, HyperLogLog]:
    if len(hours) == 1:  # as they are: nothing to merge
        return hours[0].durations, hours[0].sessions
    durations, sessions = DDSketch(), HyperLogLog()
    for hour in hours:
        durations.merge(hour.durations)
        sessions.merge(hour.sessions)
    return durations, sessions
