"""Budgets as JSON, with the keys of the system described beside ours."""

from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, parse_id
from flowtrace_mcp.rest.budgets import PERIOD, BudgetAction, BudgetBody, BudgetFilters
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.budget_watch import event_body
from flowtrace_mcp.services.budget_words import event_line
from flowtrace_mcp.services.budgets import (
    BudgetRequest,
    BudgetState,
    list_states,
    no_budget,
    set_budget,
    state_body,
    state_of,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.budgets import Budget

_WORDS: Final = {
    "hour": "hourly",
    "day": "daily",
    "week": "weekly",
    "month": "monthly",
    "alltime": "total",
    "pertrace": "trace",
}


def budget_status(context: Context, question: Question) -> object:
    """Answer how far budgets are."""
    told = question.text(PERIOD)
    if told and told not in PERIOD.one_of:
        raise InputError(
            f"there is no period {told[:40]!r}",
            why="it is one of " + ", ".join(PERIOD.one_of),
            mend="use one of these",
        )
    wanted = _WORDS.get(told, told)
    states = [one for one in list_states(context) if wanted in ("", one.budget.period)]
    items = [_alert(context, state) for state in states]
    return {"items": items, "next": None, "total": len(items)}


def list_alerts(context: Context, question: Question) -> object:
    """Answer all budgets."""
    del question
    alerts = [_alert(context, state) for state in list_states(context)]
    return {"alerts": alerts, "total": len(alerts)}


def get_alert(context: Context, question: Question) -> object:
    """Answer one budget."""
    return _alert(context, state_of(context, _found(context, question)))


def create_alert(context: Context, question: Question) -> object:
    """Set a budget by its name."""
    budget = set_budget(context, _request(question))
    return _alert(context, state_of(context, budget))


def replace_alert(context: Context, question: Question) -> object:
    """Set a budget in the place of another."""
    budget_id = _found(context, question).budget_id
    budget = set_budget(context, _request(question), budget_id)
    return _alert(context, state_of(context, budget))


def delete_alert(context: Context, question: Question) -> object:
    """Remove a budget."""
    budget_id = _found(context, question).budget_id
    context.store.budgets.delete_budget(budget_id)
    return {"success": True, "id": f"{budget_id % 2**64:016x}"}


def list_alert_events(context: Context, question: Question) -> object:
    """Answer what a budget has reached."""
    budget = _found(context, question)
    events = context.store.budgets.list_events(budget.budget_id, question.limit)
    bodies = [
        event_body(budget, event) | {"message": event_line(budget, event), "told": event.told}
        for event in events
    ]
    return {"events": bodies, "total": len(bodies)}


def _alert(context: Context, state: BudgetState) -> dict[str, object]:
    body = state_body(context, state)
    budget = state.budget
    actions = [{"action_type": "log", "config": {}}]
    if budget.webhook:
        actions.append({"action_type": "webhook", "config": {"url": budget.webhook}})
    if budget.runs_command:
        actions.append({"action_type": "command", "config": {}})
    if budget.stops:
        actions.append({"action_type": "stop", "config": {}})
    return body | {
        "threshold_type": "pertrace" if budget.period == "trace" else budget.period,
        "threshold_value": budget.amount,
        "current_value": body["spent"],
        "status": "active" if budget.is_active else "paused",
        "filters": {
            "project_ids": [body["project"]] if body["project"] else [],
            "agent_ids": [budget.agent] if budget.agent else [],
            "models": [budget.model] if budget.model else [],
            "environments": [],
        },
        "actions": actions,
        "created_us": budget.created_us,
    }


def _found(context: Context, question: Question) -> Budget:
    told = question.path["budget_id"]
    packed = parse_id(told, SPAN_ID_BYTES, name="budget id")
    budget_id = int.from_bytes(packed, "big", signed=True)
    for budget in context.store.budgets.list_budgets():
        if budget.budget_id == budget_id:
            return budget
    raise no_budget(told[:40])


def _request(question: Question) -> BudgetRequest:
    body = shaped(json_object(question.body), BudgetBody)
    filters, actions = body.filters or BudgetFilters(), body.actions or []
    if filters.environments:
        raise InputError(
            "a budget is not kept by environment",
            why="it is kept by project, agent and model",
            mend="leave environments out",
        )
    amount = body.threshold_value if body.amount is None else body.amount
    if amount is None:
        raise InputError("how much may be spent?", why="there is no amount", mend="give `amount`")
    return BudgetRequest(
        name=body.name,
        period=_period(body),
        amount=amount,
        unit=body.unit or "usd",
        thresholds=tuple(body.thresholds or (100,)),
        description=body.description or "",
        project=body.project or _only(filters.project_ids, "project"),
        agent=body.agent or _only(filters.agent_ids, "agent"),
        model=body.model or _only(filters.models, "model"),
        is_active=body.status in (None, "active") if body.active is None else body.active,
        stops=bool(body.stops) or _has(actions, "stop"),
        webhook=body.webhook or _webhook(actions),
        runs_command=bool(body.command) or _has(actions, "command"),
    )


def _period(body: BudgetBody) -> str:
    """Return the period; a total may be one of an hour, a day, a week or a month."""
    told = body.period or "total"
    if body.threshold_type not in (None, "total"):
        told = body.threshold_type or told
    return _WORDS.get(told, told)


def _only(told: Sequence[str | int] | None, what: str) -> str:
    if told and len(told) > 1:
        raise InputError(
            f"a budget is of one {what}, or of all",
            why=f"{len(told)} are given",
            mend="set a budget for each",
        )
    return str(told[0]) if told else ""


def _has(actions: Sequence[BudgetAction], kind: str) -> bool:
    return any(action.action_type == kind for action in actions)


def _webhook(actions: Sequence[BudgetAction]) -> str:
    urls = [
        str((action.config or {}).get("url") or "")
        for action in actions
        if action.action_type == "webhook"
    ]
    return next(filter(None, urls), "")
