"""Calls of models by group, held against one group: how much more, and how surely."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import Final, Literal, cast, get_args

from flowtrace_mcp.analytics.distributions import holm, rate_difference, rates_two_sided
from flowtrace_mcp.analytics.ranks import shift_between
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.edge import Environment
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.costs import known_number, wanted_project
from flowtrace_mcp.services.listing import Window, project_names
from flowtrace_mcp.services.views.rows import Row
from flowtrace_mcp.storage.calls import Call
from flowtrace_mcp.storage.use_hours import UseFilter

GroupBy = Literal["agent", "model", "project", "environment", "prompt", "period"]
Metric = Literal["duration", "cost", "tokens", "output_tokens", "error_rate"]
GROUP_BYS: Final[tuple[GroupBy, ...]] = get_args(GroupBy)
METRICS: Final[tuple[Metric, ...]] = get_args(Metric)
WINDOW_DEFAULT_US: Final = 7 * DAY_US
LIMIT_DEFAULT: Final = 20
LIMIT_MOST: Final = 100
CALLS_READ_LIMIT: Final = 20_000
# The newest of each group that are held against each other; all of them are counted.
SAMPLES_MOST: Final = 2_000
SAMPLES_LEAST: Final = 5
SIGNIFICANT: Final = 0.05
NOT_TOLD: Final = "not told"
_NOW, _BEFORE = "now", "before"

_Value = Callable[[Call], float | None]
_VALUES: Final[Mapping[str, _Value]] = {
    "duration": lambda call: call.duration_us / 1000,
    "cost": lambda call: call.cost_usd,
    "tokens": lambda call: (
        None if call.input_tokens is None else call.input_tokens + (call.output_tokens or 0)
    ),
    "output_tokens": lambda call: call.output_tokens,
    "error_rate": lambda call: float(call.is_error),
}
UNITS: Final[Mapping[str, str]] = {
    "duration": "ms",
    "cost": "USD a call",
    "tokens": "tokens a call",
    "output_tokens": "tokens a call",
    "error_rate": "share of calls",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRequest:
    """What to hold against what; "" = all."""

    group_by: str = "model"
    metric: str = "duration"
    baseline: str = ""  # a group's name; "" = the one with most calls, of periods the one before
    project: str = ""
    agent: str = ""
    model: str = ""
    window: Window = field(default_factory=Window)
    limit: int = LIMIT_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    name: str
    calls: Sequence[Call]  # newest first
    values: Sequence[float]  # of those that tell any


def compare(context: Context, request: ComparisonRequest) -> Row:
    """Return groups of model calls, those with most calls first, each against the baseline.

    Raises:
        InputError: There is no such group, metric or baseline.
        NotFoundError: No span names that project, agent or model.
    """
    _check(request)
    wanted = _wanted(context, request)
    is_of_periods = request.group_by == "period"
    since_us = wanted.since_us
    if is_of_periods:
        wanted = replace(wanted, since_us=since_us - (wanted.until_us - since_us))
    read = context.store.uses.list_model_calls(wanted, CALLS_READ_LIMIT)
    groups = _groups(context, request, read.calls, since_us)
    baseline = _baseline(request, groups)
    shown = groups[: request.limit]
    if baseline is not None and baseline not in shown:
        shown = [*shown[:-1], baseline]
    return {
        "group_by": request.group_by,
        "metric": request.metric,
        "unit": UNITS[request.metric],
        "baseline": baseline.name if baseline else None,
        "since_us": wanted.since_us,
        "until_us": wanted.until_us,
        "groups": _rows(request, shown, baseline),
        "more": len(groups) - len(shown),
        "note": f"the newest {CALLS_READ_LIMIT:,} calls were read" if read.is_cut else "",
    }


def _check(request: ComparisonRequest) -> None:
    refuse_outside(("limit", request.limit, 1, LIMIT_MOST))
    for what, told, known in (
        ("group_by", request.group_by, GROUP_BYS),
        ("metric", request.metric, METRICS),
    ):
        if told not in known:
            raise InputError(
                f"{what} cannot be {told[:40]!r}",
                why="it is one of " + ", ".join(known),
                mend="use one of these",
            )


def _wanted(context: Context, request: ComparisonRequest) -> UseFilter:
    window = request.window
    until_us = context.now_us() + 1 if window.until_us is None else window.until_us
    since_us = until_us - WINDOW_DEFAULT_US if window.since_us is None else window.since_us
    if since_us >= until_us:
        raise InputError(
            "since is not before until", why="they bound a time window", mend="swap them"
        )
    return UseFilter(
        since_us=since_us,
        until_us=until_us,
        project_id=wanted_project(context, request.project),
        agent_id=known_number(context, "agent", request.agent),
        model_id=known_number(context, "model", request.model),
    )


def _groups(
    context: Context, request: ComparisonRequest, calls: Sequence[Call], since_us: int
) -> list[_Group]:
    name_of = _namer(context, cast("GroupBy", request.group_by), calls, since_us)
    value_of = _VALUES[request.metric]
    found: dict[str, list[Call]] = {}
    for call in calls:
        found.setdefault(name_of(call), []).append(call)
    groups = [
        _Group(
            name=name,
            calls=of_group,
            values=[value for call in of_group if (value := value_of(call)) is not None],
        )
        for name, of_group in found.items()
    ]
    groups.sort(key=lambda group: (-len(group.calls), group.name))
    return groups


def _namer(
    context: Context, by: GroupBy, calls: Sequence[Call], since_us: int
) -> Callable[[Call], str]:
    match by:
        case "period":
            return lambda call: _NOW if call.start_us >= since_us else _BEFORE
        case "environment":
            words = {int(one): one.name.lower() for one in Environment}
            return lambda call: words.get(call.environment, NOT_TOLD)
        case "project":
            projects = project_names(context)
            return lambda call: projects.get(call.project_id, "") or NOT_TOLD
        case _:
            number_of = _NUMBERS[by]
            names = context.store.spans.get_strings({number_of(call) for call in calls})
            return lambda call: names.get(number_of(call), "") or NOT_TOLD


_NUMBERS: Final[Mapping[str, Callable[[Call], int]]] = {
    "agent": lambda call: call.agent_id,
    "model": lambda call: call.name_id,
    "prompt": lambda call: call.prompt_id,
}


def _baseline(request: ComparisonRequest, groups: Sequence[_Group]) -> _Group | None:
    told = request.baseline or (_BEFORE if request.group_by == "period" else "")
    found = next((one for one in groups if one.name == told), None)
    if found is None and request.baseline:
        raise InputError(
            f"there is no group {request.baseline[:80]!r}",
            why="groups are " + (", ".join(one.name for one in groups[:10]) or "none"),
            mend="name one of these, or none",
        )
    return found if found or told else next(iter(groups), None)


def _rows(
    request: ComparisonRequest, groups: Sequence[_Group], baseline: _Group | None
) -> list[Row]:
    against = {
        group.name: held
        for group in groups
        if baseline is not None
        and group is not baseline
        and (held := _held(request.metric, group, baseline)) is not None
    }
    adjusted = dict(zip(against, holm([p for _, p in against.values()]), strict=True))
    rows = []
    for group in groups:
        row = _row(group)
        if group.name in against:
            p_value = adjusted[group.name]
            row["against_baseline"] = against[group.name][0] | {
                "p_value": p_value,
                "significant": p_value < SIGNIFICANT,
            }
        rows.append(row)
    return rows


def _row(group: _Group) -> Row:
    calls, values = group.calls, sorted(group.values)
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return {
        "group": group.name,
        "calls": len(calls),
        "errors": sum(call.is_error for call in calls),
        "error_rate": sum(call.is_error for call in calls) / len(calls),
        "cost_usd": sum(costs) if costs else None,
        "samples": len(values),
        "mean": fmean(values) if values else None,
        "median": _quantile(values, 0.5) if values else None,
        "p95": _quantile(values, 0.95) if values else None,
    }


def _quantile(rising: Sequence[float], share: float) -> float:
    """Return the value at rank floor(share (n - 1)), as the sketches have it."""
    return rising[int(share * (len(rising) - 1))]


def _held(metric: str, group: _Group, baseline: _Group) -> tuple[Row, float] | None:
    """Return how a group differs from the baseline, and how likely chance makes that."""
    if min(len(group.values), len(baseline.values)) < SAMPLES_LEAST:
        return None
    if metric == "error_rate":
        one = int(sum(group.values)), len(group.values)
        other = int(sum(baseline.values)), len(baseline.values)
        difference, low, high = rate_difference(one, other)
        return {"difference": difference, "low": low, "high": high}, rates_two_sided(one, other)
    found = shift_between(group.values[:SAMPLES_MOST], baseline.values[:SAMPLES_MOST])
    return {
        "difference": found.shift,
        "low": found.low,
        "high": found.high,
        "superiority": found.superiority,
    }, found.probability
