"""The routes of budgets; `budget_answers` answers them."""

from typing import Final, Literal

import msgspec

from flowtrace_mcp.model.periods import PERIODS
from flowtrace_mcp.rest.declared import LIMIT, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late

PERIOD: Final = Parameter(
    name="period",
    one_of=(*PERIODS, "hour", "day", "week", "month", "alltime"),
    means="only budgets of this period",
)


class BudgetFilters(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whose spending counts; one of each at most, an environment not at all."""

    project_ids: list[str | int] | None = None
    agent_ids: list[str | int] | None = None
    models: list[str] | None = None
    environments: list[str] | None = None


class BudgetAction(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What is done when a threshold is reached, the log apart, which is always told."""

    action_type: Literal["log", "webhook", "command", "stop"]
    config: dict[str, str | int | bool | None] | None = None


class BudgetBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A budget, under our names or under those of the system described."""

    name: str
    amount: float | None = None
    period: str | None = None
    unit: str | None = None
    thresholds: list[int] | None = None
    description: str | None = None
    project: str | None = None
    agent: str | None = None
    model: str | None = None
    active: bool | None = None
    stops: bool | None = None
    webhook: str | None = None
    command: bool | None = None
    threshold_type: str | None = None
    threshold_value: float | None = None
    filters: BudgetFilters | None = None
    actions: list[BudgetAction] | None = None
    status: Literal["active", "paused", "disabled"] | None = None


def budget_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of budgets."""
    base = "/api/v1/budget"
    takes = (
        "`name`, `amount`, `period`, `unit`, `thresholds` (percent), `project`, `agent`, `model`,"
        " `stops`, `webhook`, `command`; or `threshold_type`, `threshold_value`, `filters`,"
        " `actions` of other systems"
    )
    return [
        endpoints.get(
            f"{base}/status",
            late("budget_answers", "budget_status"),
            PERIOD,
            says="how far every budget is in its present period ([budgets.md](budgets.md))",
        ),
        endpoints.get(
            f"{base}/alerts",
            late("budget_answers", "list_alerts"),
            says='`{"alerts", "total"}`: the budgets, by name',
        ),
        endpoints.post(
            f"{base}/alerts",
            late("budget_answers", "create_alert"),
            bodies=(BudgetBody,),
            body=takes,
            says="the budget; one of the same name is replaced; for admins",
        ),
        endpoints.get(
            f"{base}/alerts/{{budget_id}}", late("budget_answers", "get_alert"), says="one budget"
        ),
        endpoints.route(
            "PUT",
            f"{base}/alerts/{{budget_id}}",
            late("budget_answers", "replace_alert"),
            bodies=(BudgetBody,),
            body=takes,
            says="the budget as it is now; for admins",
        ),
        endpoints.route(
            "DELETE",
            f"{base}/alerts/{{budget_id}}",
            late("budget_answers", "delete_alert"),
            says='`{"success", "id"}`; for admins',
        ),
        endpoints.get(
            f"{base}/alerts/{{budget_id}}/events",
            late("budget_answers", "list_alert_events"),
            LIMIT,
            says='`{"events", "total"}`: thresholds reached, newest first, and who was told',
        ),
    ]
