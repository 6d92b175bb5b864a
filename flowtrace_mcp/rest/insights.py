"""The routes of insights; `insight_answers` answers them."""

from typing import Final

from flowtrace_mcp.rest.declared import LIMIT, PROJECT, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late

WINDOW: Final = Parameter(
    name="window_seconds",
    form="integer",
    least=1,
    most=604_800,
    default=3600,
    means="how long the window is, widened to whole hours",
)
SEVERITY: Final = Parameter(
    name="min_severity",
    one_of=("info", "low", "medium", "high", "critical"),
    default="info",
    means="only as grave as this, or graver",
)
TYPE: Final = Parameter(
    name="insight_type",
    one_of=(
        "latency_anomaly",
        "error_rate_anomaly",
        "cost_anomaly",
        "token_usage_spike",
        "traffic_anomaly",
        "failure_pattern",
        "performance_regression",
    ),
    means="only of this type",
)


def insight_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of insights."""
    return [
        endpoints.get(
            "/api/v1/insights",
            late("insight_answers", "list_insights"),
            PROJECT,
            WINDOW,
            SEVERITY,
            TYPE,
            LIMIT,
            says=(
                '`{"insights", "total_count", "window_seconds", "generated_at"}`, the gravest'
                " first ([analytics.md](analytics.md))"
            ),
        ),
        endpoints.get(
            "/api/v1/insights/summary",
            late("insight_answers", "summarise"),
            PROJECT,
            WINDOW,
            says="how many of which kind, `health_score`, `top_insights`",
        ),
    ]
