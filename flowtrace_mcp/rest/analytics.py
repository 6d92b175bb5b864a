"""The routes of trends, correlations and comparisons; `analytics_answers` answers them."""

from typing import Final

from flowtrace_mcp.rest.costs import AGENT, MODEL
from flowtrace_mcp.rest.declared import LIMIT, PROJECT, SINCE, UNTIL, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late

METRIC: Final = Parameter(
    name="metric", default="cost", means="which ([analytics.md](analytics.md))"
)
METRIC_ONE: Final = Parameter(name="metric1", default="tokens", means="one of the two")
METRIC_OTHER: Final = Parameter(name="metric2", default="cost", means="the other")
TREND_STEP: Final = Parameter(
    name="step", one_of=("hour", "day"), default="day", means="what a point is"
)
UNIT: Final = Parameter(
    name="unit",
    one_of=("hour", "day", "session", "call"),
    default="day",
    means="what a point is",
)
COUNT: Final = Parameter(
    name="days",
    also=("count",),
    form="integer",
    least=1,
    most=1000,
    default=30,
    means="how many days back, or hours where a point is one",
)
GROUP_BY: Final = Parameter(
    name="group_by",
    one_of=("agent", "model", "project", "environment", "prompt", "period"),
    default="model",
    means="what makes a group",
)
COMPARED: Final = Parameter(
    name="metric",
    one_of=("duration", "cost", "tokens", "output_tokens", "error_rate"),
    default="duration",
    means="what is compared",
)
BASELINE: Final = Parameter(
    name="baseline", means="the group that the others are held against; the largest unless said"
)


def analytics_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of analytics that go beyond sums."""
    base = "/api/v1/analytics"
    who = (PROJECT, AGENT, MODEL)
    return [
        endpoints.get(
            f"{base}/trends",
            late("analytics_answers", "trends"),
            METRIC,
            TREND_STEP,
            COUNT,
            *who,
            says="whether a metric rises or falls, with `p_value`, `slope` and forecasts",
        ),
        endpoints.get(
            f"{base}/correlation",
            late("analytics_answers", "correlations"),
            METRIC_ONE,
            METRIC_OTHER,
            UNIT,
            COUNT,
            *who,
            says="how two metrics go together, with `p_value`",
        ),
        endpoints.get(
            f"{base}/comparative",
            late("analytics_answers", "comparisons"),
            GROUP_BY,
            COMPARED,
            BASELINE,
            *who,
            SINCE,
            UNTIL,
            LIMIT,
            says="groups of model calls, each held against one of them; the last 7 days",
        ),
    ]
