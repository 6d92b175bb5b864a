"""What is unlike before, what fails again and again, what became worse, and how well all is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, cast

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.costs import wanted_project
from flowtrace_mcp.services.insights.failures import failure_insights
from flowtrace_mcp.services.insights.looked_at import CALLS_READ_LIMIT, LookedAt, look_at_calls
from flowtrace_mcp.services.insights.regressions import regression_insights
from flowtrace_mcp.services.insights.shape import SEVERITIES, TYPES, Insight, Severity
from flowtrace_mcp.services.insights.windows import window_insights

WINDOW_DEFAULT_S: Final = 3600
WINDOW_MOST_S: Final = 7 * 86_400
LIMIT_DEFAULT: Final = 50
LIMIT_MOST: Final = 1000
TOP_INSIGHTS: Final = 5
# What each takes from a health of 100.
HEALTH_COSTS: Final[dict[Severity, int]] = {
    "critical": 30,
    "high": 15,
    "medium": 5,
    "low": 2,
    "info": 0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightsRequest:
    """What to look at; "" = all."""

    project: str = ""
    window_s: int = WINDOW_DEFAULT_S  # widened to whole hours
    min_severity: str = "info"
    insight_type: str = ""
    limit: int = LIMIT_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class InsightsAnswer:
    """Insights, the gravest first."""

    insights: tuple[Insight, ...]
    total: int  # of this severity and type, those beyond the limit too
    every: tuple[Insight, ...]  # of any
    window_s: int
    generated_us: int
    note: str


def find_insights(context: Context, request: InsightsRequest) -> InsightsAnswer:
    """Return what is to be told of the last window.

    Raises:
        InputError: The request cannot be understood.
        NotFoundError: There is no such project.
    """
    _check(request)
    looked = look_at_calls(context, wanted_project(context, request.project), request.window_s)
    found = [
        *window_insights(looked),
        *failure_insights(looked),
        *regression_insights(looked),
    ]
    found.sort(key=lambda one: (-SEVERITIES.index(one.severity), -one.confidence, one.id))
    grave_enough = SEVERITIES[SEVERITIES.index(cast("Severity", request.min_severity)) :]
    wanted = [
        one
        for one in found
        if one.severity in grave_enough and request.insight_type in ("", one.insight_type)
    ]
    return InsightsAnswer(
        insights=tuple(wanted[: request.limit]),
        total=len(wanted),
        every=tuple(found),
        window_s=looked.size_us // 1_000_000,
        generated_us=context.now_us(),
        note=_note(looked),
    )


def health_score(insights: Sequence[Insight]) -> int:
    """Return how well all is, 0 to 100.

    Formula:
        100, less 30 for each critical insight, 15 for each high, 5 for each medium and 2 for each
        low one, and at least 0.
    """
    return max(0, 100 - sum(HEALTH_COSTS[one.severity] for one in insights))


def insight_body(insight: Insight, generated_us: int) -> dict[str, Any]:
    """Return an insight as JSON has it."""
    return {**asdict(insight), "generated_at": generated_us}


def summary_body(answer: InsightsAnswer) -> dict[str, Any]:
    """Return how many insights of which kind there are, and the gravest."""
    severities = Counter(one.severity for one in answer.every)
    return {
        "total_insights": len(answer.every),
        "critical_count": severities["critical"],
        "high_count": severities["high"],
        "by_severity": dict(severities),
        "by_type": dict(Counter(one.insight_type for one in answer.every)),
        "health_score": health_score(answer.every),
        "top_insights": [
            insight_body(one, answer.generated_us) for one in answer.every[:TOP_INSIGHTS]
        ],
        "window_seconds": answer.window_s,
        "note": answer.note,
    }


def _check(request: InsightsRequest) -> None:
    refuse_outside(
        ("window_seconds", request.window_s, 1, WINDOW_MOST_S),
        ("limit", request.limit, 1, LIMIT_MOST),
    )
    for what, told, known in (
        ("min_severity", request.min_severity, SEVERITIES),
        ("insight_type", request.insight_type, ("", *TYPES)),
    ):
        if told not in known:
            raise InputError(
                f"{what} cannot be {told[:40]!r}",
                why="it is one of " + ", ".join(filter(None, known)),
                mend="use one of these",
            )


def _note(looked: LookedAt) -> str:
    is_cut = looked.model_calls.is_cut or looked.tool_calls.is_cut
    return f"the newest {CALLS_READ_LIMIT:,} calls were read" if is_cut else ""
