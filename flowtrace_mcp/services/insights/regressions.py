"""What became worse when an agent took another model, or a prompt another version."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.analytics.changes import last_change
from flowtrace_mcp.analytics.distributions import holm, rate_difference, rates_two_sided
from flowtrace_mcp.analytics.ranks import shift_between
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.insights.looked_at import LookedAt
from flowtrace_mcp.services.insights.shape import Insight, Severity, insight_id, traces_shown
from flowtrace_mcp.storage.calls import Call

SAMPLES_LEAST: Final = 30
# The newest of the new and the last of the old that are held against each other.
SAMPLES_MOST: Final = 2_000
PROBABILITY_MOST: Final = 0.01
RISE_LEAST: Final = 0.2  # of the median before
POINTS_LEAST: Final = 0.05  # of an error rate
_SEVERITIES: Final[tuple[tuple[float, Severity], ...]] = (
    (1.0, "high"),
    (0.5, "medium"),
    (0.0, "low"),
)


_VALUES: Final[tuple[tuple[str, str, Callable[[Call], float | None]], ...]] = (
    ("duration", "ms", lambda call: call.duration_us / 1000),
    ("cost a call", "USD", lambda call: call.cost_usd),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """Calls before and after somebody took something else."""

    whose: str  # "agent coder", "prompt greet"
    old: str
    new: str
    before: Sequence[Call]
    after: Sequence[Call]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """How much worse one measure is, with where the difference lies."""

    what: str
    unit: str
    shift: float
    low: float
    high: float
    rise: float  # by which share of what was before
    probability: float
    is_worse: bool


def regression_insights(looked: LookedAt) -> Iterator[Insight]:
    """Yield changes of model or prompt after which calls were slower, dearer or failed more."""
    for change in _changes(looked):
        verdicts = list(_verdicts(change))
        adjusted = holm([one.probability for one in verdicts])
        for verdict, probability in zip(verdicts, adjusted, strict=True):
            if verdict.is_worse and probability < PROBABILITY_MOST:
                yield _insight(change, verdict, probability)


def _changes(looked: LookedAt) -> Iterator[_Change]:
    in_order = looked.model_calls.calls[::-1]
    numbers = {n for call in in_order for n in (call.agent_id, call.name_id, call.prompt_id)}
    names = looked.names(*numbers)

    def prompt_of(call: Call) -> str:
        return names.get(call.prompt_id, "").rpartition("@")[0]

    by_agent = _grouped(in_order, lambda call: names.get(call.agent_id, ""))
    for agent, calls in by_agent.items():
        yield from _change(f"agent {agent}", calls, lambda call: names.get(call.name_id, ""))
    for prompt, calls in _grouped(in_order, prompt_of).items():
        yield from _change(f"prompt {prompt}", calls, lambda call: names.get(call.prompt_id, ""))


def _grouped(calls: Sequence[Call], name_of: Callable[[Call], str]) -> dict[str, list[Call]]:
    groups: dict[str, list[Call]] = {}
    for call in calls:
        if name := name_of(call):
            groups.setdefault(name, []).append(call)
    return groups


def _change(
    whose: str, calls: Sequence[Call], value_of: Callable[[Call], str]
) -> Iterator[_Change]:
    named = [call for call in calls if value_of(call)]
    found = last_change([value_of(call) for call in named])
    if found is None:
        return
    old, began = found
    new = value_of(named[-1])
    before = [call for call in named[:began] if value_of(call) == old][-SAMPLES_MOST:]
    after = [call for call in named[began:] if value_of(call) == new][-SAMPLES_MOST:]
    if min(len(before), len(after)) >= SAMPLES_LEAST:
        yield _Change(whose=whose, old=old, new=new, before=before, after=after)


def _verdicts(change: _Change) -> Iterator[_Verdict]:
    for what, unit, value_of in _VALUES:
        before = [value for call in change.before if (value := value_of(call)) is not None]
        after = [value for call in change.after if (value := value_of(call)) is not None]
        if min(len(before), len(after)) < SAMPLES_LEAST:
            continue
        found = shift_between(after, before)
        usual = sorted(before)[len(before) // 2]
        rise = found.shift / usual if usual > 0 else 0.0
        yield _Verdict(
            what=what,
            unit=unit,
            shift=found.shift,
            low=found.low,
            high=found.high,
            rise=rise,
            probability=found.probability,
            is_worse=rise >= RISE_LEAST and found.low > 0,
        )
    failed_after = sum(call.is_error for call in change.after), len(change.after)
    failed_before = sum(call.is_error for call in change.before), len(change.before)
    difference, low, high = rate_difference(failed_after, failed_before)
    yield _Verdict(
        what="error rate",
        unit="points",
        shift=100 * difference,
        low=100 * low,
        high=100 * high,
        rise=difference / POINTS_LEAST / 4,  # 20 points more are as grave as twice the time
        probability=rates_two_sided(failed_after, failed_before),
        is_worse=difference >= POINTS_LEAST and low > 0,
    )


def _insight(change: _Change, verdict: _Verdict, probability: float) -> Insight:
    began_us = change.after[0].start_us
    worst = sorted(
        change.after, key=lambda call: (not call.is_error, -call.duration_us, -call.start_us)
    )
    interval = f"{verdict.low:,.4g} to {verdict.high:,.4g} {verdict.unit}"
    return Insight(
        id=insight_id("performance_regression", change.whose, change.new, verdict.what),
        insight_type="performance_regression",
        severity=next(word for least, word in _SEVERITIES if verdict.rise >= least),
        confidence=round(1 - probability, 4),
        summary=(
            f"{change.whose}: {verdict.what} {verdict.shift:+,.4g} {verdict.unit} since"
            f" {change.new} took the place of {change.old}"
        ),
        description=(
            f"{len(change.after)} calls since {iso_time(began_us)} against the"
            f" {len(change.before)} before: higher by {interval} (95 %), p = {probability:.2g}"
            " after Holm's correction. What else changed then is not known."
        ),
        related_trace_ids=traces_shown(call.trace_id for call in worst),
        metadata={
            "subject": change.whose,
            "from": change.old,
            "to": change.new,
            "metric": verdict.what,
            "unit": verdict.unit,
            "shift": verdict.shift,
            "low": verdict.low,
            "high": verdict.high,
            "p_value": probability,
            "before": len(change.before),
            "after": len(change.after),
            "changed_us": began_us,
        },
        suggestions=("`flowtrace analytics comparison` holds the two against each other",),
    )
