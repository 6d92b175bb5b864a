"""The last window against the seven before it: latency, errors, cost, tokens, traffic."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Final, Literal

from flowtrace_mcp.analytics.anomalies import Anomaly, find_anomaly, severity_of
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.insights.looked_at import LookedAt
from flowtrace_mcp.services.insights.shape import (
    Insight,
    InsightType,
    Severity,
    insight_id,
    traces_shown,
)
from flowtrace_mcp.storage.calls import Call

# In the window, and in those before it together.
SAMPLES_LEAST: Final = 30
# A window before with fewer says too little of a rate or a median.
WINDOW_SAMPLES_LEAST: Final = 5
# However alike windows were, a median or a mean may be so far off by chance.
_SHARE_OF_CHANCE: Final = 0.05
_HOUR_S: Final = 3600

_Kind = Literal["model", "tool"]
_Value = Callable[[Call], float | None]


def _tokens(call: Call) -> float | None:
    return None if call.input_tokens is None else call.input_tokens + (call.output_tokens or 0)


_VALUES: Final[tuple[tuple[InsightType, str, str, _Value], ...]] = (
    ("cost_anomaly", "cost a call", "USD", lambda call: call.cost_usd),
    ("token_usage_spike", "tokens a call", "tokens", _tokens),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A value of the window and of those before it."""

    insight_type: InsightType
    subject: str  # "model gpt-5", "tool Bash", "all work"
    what: str
    unit: str
    value: float
    before: Sequence[float]
    least_deviation: float
    traces: Sequence[bytes] = ()
    suggestions: tuple[str, ...] = ()
    is_only_rise: bool = False  # a fall is no news


def window_insights(looked: LookedAt) -> Iterator[Insight]:
    """Yield what of the last window is unlike the windows before."""
    for measured in _measured(looked):
        found = find_anomaly(measured.value, measured.before, measured.least_deviation)
        if found is not None and not (found.z < 0 and measured.is_only_rise):
            yield _insight(looked, measured, found)


def _measured(looked: LookedAt) -> Iterator[_Measured]:
    models = looked.split(looked.model_calls)
    tools = looked.split(looked.tool_calls)
    yield from _latencies(looked, "model", models)
    yield from _latencies(looked, "tool", tools)
    yield from _error_rates(looked, "model", models)
    yield from _error_rates(looked, "tool", tools)
    yield from _per_call(looked, models)
    yield from _in_all(looked)


def _by_name(calls: Sequence[Call]) -> dict[int, list[Call]]:
    groups: dict[int, list[Call]] = {}
    for call in calls:
        if call.name_id:
            groups.setdefault(call.name_id, []).append(call)
    return groups


def _enough(
    looked: LookedAt, kind: _Kind, windows: Sequence[Sequence[Call]]
) -> Iterator[tuple[str, list[Call], list[list[Call]]]]:
    """Yield subject, calls of the window, and calls of each before, where there are enough."""
    groups = [_by_name(calls) for calls in windows]
    names = looked.names(*groups[0])
    for name_id, calls in groups[0].items():
        before = [one[name_id] for one in groups[1:] if name_id in one]
        before = [one for one in before if len(one) >= WINDOW_SAMPLES_LEAST]
        if min(len(calls), sum(map(len, before))) >= SAMPLES_LEAST:
            yield f"{kind} {names.get(name_id, '')}", calls, before


def _latencies(
    looked: LookedAt, kind: _Kind, windows: Sequence[Sequence[Call]]
) -> Iterator[_Measured]:
    for subject, calls, before in _enough(looked, kind, windows):
        middles = [median(call.duration_us / 1000 for call in one) for one in before]
        slowest = sorted(calls, key=lambda call: -call.duration_us)
        yield _Measured(
            insight_type="latency_anomaly",
            subject=subject,
            what="median duration",
            unit="ms",
            value=median(call.duration_us / 1000 for call in calls),
            before=middles,
            least_deviation=_SHARE_OF_CHANCE * median(middles),
            traces=[call.trace_id for call in slowest],
            suggestions=("`traces` with view slow shows where the time goes",),
        )


def _error_rates(
    looked: LookedAt, kind: _Kind, windows: Sequence[Sequence[Call]]
) -> Iterator[_Measured]:
    for subject, calls, before in _enough(looked, kind, windows):
        failed = [call for call in calls if call.is_error]
        earlier = sum(call.is_error for one in before for call in one)
        # One more failure and one more success than were seen: a rate of 0 is never certain.
        usual = (earlier + 1) / (sum(map(len, before)) + 2)
        yield _Measured(
            insight_type="error_rate_anomaly",
            subject=subject,
            what="error rate",
            unit="%",
            value=100 * len(failed) / len(calls),
            before=[100 * sum(call.is_error for call in one) / len(one) for one in before],
            least_deviation=100 * math.sqrt(usual * (1 - usual) / len(calls)),
            traces=[call.trace_id for call in failed],
            suggestions=("`traces` with view errors shows what failed and what followed",),
            is_only_rise=True,
        )


def _per_call(looked: LookedAt, windows: Sequence[Sequence[Call]]) -> Iterator[_Measured]:
    for subject, calls, before in _enough(looked, "model", windows):
        for insight_type, what, unit, value_of in _VALUES:
            told = [(value, call) for call in calls if (value := value_of(call)) is not None]
            means = [fmean(values) for one in before if (values := _told(one, value_of))]
            if len(told) < SAMPLES_LEAST or not means:
                continue
            dearest = sorted(told, key=lambda pair: -pair[0])
            yield _Measured(
                insight_type=insight_type,
                subject=subject,
                what=what,
                unit=unit,
                value=fmean(value for value, _ in told),
                before=means,
                least_deviation=_SHARE_OF_CHANCE * median(means),
                traces=[call.trace_id for _, call in dearest],
                suggestions=("`traces` with view cost shows which calls they are",),
            )


def _told(calls: Sequence[Call], value_of: _Value) -> list[float]:
    return [value for call in calls if (value := value_of(call)) is not None]


def _in_all(looked: LookedAt) -> Iterator[_Measured]:
    """Yield what all work of the window was; windows in which nothing happened say nothing."""
    latest, *earlier = looked.sums("nothing")
    if (0, 0) not in latest:
        return
    now = latest[0, 0].measures
    before = [one[0, 0].measures for one in earlier if (0, 0) in one]
    counts = [float(one.span_count) for one in before]
    if min(now.span_count, sum(counts)) < SAMPLES_LEAST:
        return
    hours = looked.size_us // (_HOUR_S * 1_000_000)
    span = "an hour" if hours == 1 else f"{hours} hours"
    yield _Measured(
        insight_type="traffic_anomaly",
        subject="all work",
        what=f"spans in {span}",
        unit="spans",
        value=float(now.span_count),
        before=counts,
        least_deviation=math.sqrt(median(counts)) if counts else 0.0,
    )
    costs = [one.cost_usd for one in before if one.cost_usd is not None]
    if now.cost_usd is not None and costs:
        yield _Measured(
            insight_type="cost_anomaly",
            subject="all work",
            what=f"cost of {span}",
            unit="USD",
            value=now.cost_usd,
            before=costs,
            least_deviation=_SHARE_OF_CHANCE * median(costs),
            suggestions=("`flowtrace costs --by session` shows what cost most",),
        )


def _insight(looked: LookedAt, measured: _Measured, found: Anomaly) -> Insight:
    is_worse = found.z > 0
    severity: Severity = severity_of(found.z) if is_worse else "info"
    way = "above" if is_worse else "below"
    value, usual = _number(found.value), _number(found.median)
    share = "" if math.isinf(found.change) else f" ({found.change:+.0%})"
    return Insight(
        id=insight_id(measured.insight_type, measured.subject, measured.what, looked.since_us),
        insight_type=measured.insight_type,
        severity=severity,
        confidence=round(found.confidence, 4),
        summary=f"{measured.subject}: {measured.what} {value} {measured.unit}, usually {usual}"
        + share,
        description=(
            f"From {iso_time(looked.since_us)} to {iso_time(looked.until_us)} it lay"
            f" {abs(found.z):.1f} deviations {way} the median of the {len(measured.before)} windows"
            " before that say anything."
        ),
        related_trace_ids=traces_shown(measured.traces) if is_worse else (),
        metadata={
            "subject": measured.subject,
            "metric": measured.what,
            "unit": measured.unit,
            "value": found.value,
            "baseline_median": found.median,
            "baseline": list(measured.before),
            "z": round(found.z, 2),
            "window_start_us": looked.since_us,
            "window_end_us": looked.until_us,
        },
        suggestions=measured.suggestions if is_worse else (),
    )


def _number(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
