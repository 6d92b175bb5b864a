"""Whether the last hour failed or dragged unlike those before, in one line for a view of traces."""

from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.insights.looked_at import look_at_calls
from flowtrace_mcp.services.insights.shape import InsightType
from flowtrace_mcp.services.insights.windows import window_insights

HOUR_S: Final = 3600
# What a view of traces is about.
OF_VIEW: Final[dict[str, InsightType]] = {
    "errors": "error_rate_anomaly",
    "slow": "latency_anomaly",
}


def trace_note(context: Context, view: str) -> str:
    """Return what of the last hour is unlike before, "" where nothing of the view's kind is."""
    for insight in window_insights(look_at_calls(context, None, HOUR_S)):
        if insight.insight_type == OF_VIEW[view] and insight.severity != "info":
            return f"insight: {insight.summary}"
    return ""
