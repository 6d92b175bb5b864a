"""Whether the last hour cost far more than those before, in one line for whoever asks for cost."""

from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.insights.looked_at import look_at_sums
from flowtrace_mcp.services.insights.windows import window_insights

HOUR_S: Final = 3600


def cost_note(context: Context, project_id: int | None) -> str:
    """Return what the last hour's cost is unlike, "" where it is not dearer than usual."""
    for insight in window_insights(look_at_sums(context, project_id, HOUR_S)):
        if insight.insight_type == "cost_anomaly" and insight.severity != "info":
            return f"insight: {insight.summary}"
    return ""
