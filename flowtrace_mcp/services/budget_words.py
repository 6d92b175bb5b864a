"""What a budget says to whoever works: what was reached, and that an agent has to stop."""

from collections.abc import Callable
from typing import Final

from flowtrace_mcp.model.periods import period_start_us
from flowtrace_mcp.model.times import DAY_US, iso_time
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.budgets import ALL_PROJECTS, Budget, BudgetEvent

LINES_LIMIT: Final = 10
_FULL_PERCENT: Final = 100
_PERIODS: Final = {
    "total": "of all time",
    "hourly": "of this hour",
    "daily": "of today",
    "weekly": "of this week",
    "monthly": "of this month",
    "trace": "of one trace",
}


def reached_lines(context: Context, project_id: int | None = None) -> tuple[str, ...]:
    """Return a line for each budget that has reached a threshold in its present period.

    Args:
        context: The means of the program.
        project_id: Of those that count this project; None = of all.
    """
    lines = []
    for budget in context.store.budgets.list_budgets():
        is_meant = project_id is None or budget.project_id in (ALL_PROJECTS, project_id)
        event = _last_event(context, budget) if is_meant and budget.is_active else None
        if event is not None:
            lines.append(event_line(budget, event))
    return tuple(lines[:LINES_LIMIT])


def event_line(budget: Budget, event: BudgetEvent) -> str:
    """Return what an event says, in one line."""
    spent, unit = amount_words(event.spent, budget.unit), budget.unit.upper()
    if budget.unit == "tokens":
        unit = "tokens"
    of = f" by trace {event.trace_id.hex()}" if event.trace_id else ""
    return (
        f"budget {budget.name!r} {_PERIODS[budget.period]}: {spent} of"
        f" {amount_words(event.amount, budget.unit)} {unit} spent{of}, which is past"
        f" {event.threshold_percent} % ({iso_time(event.at_us)})"
    )


def amount_words(amount: float, unit: str) -> str:
    """Return an amount as people read it."""
    return f"{amount:,.0f}" if unit == "tokens" else f"{amount:,.4f}".rstrip("0").rstrip(".")


def find_stop(context: Context, agent: str, project_id: Callable[[], int]) -> str:
    """Return why an agent has to stop, "" when it has not.

    Budgets that stop nobody cost one look at a table of at most 100 rows.

    Args:
        context: The means of the program.
        agent: Who works.
        project_id: Returns the project it works in; asked only where a budget is of one.
    """
    for budget in context.store.budgets.list_stopping():
        start_us = period_start_us(budget.period, context.now_us())
        reached = context.store.budgets.find_reached(budget.budget_id, start_us)
        if reached < _FULL_PERCENT or budget.agent not in ("", agent):
            continue
        if budget.project_id in (ALL_PROJECTS, project_id()):
            return (
                f"Flowtrace: the budget {budget.name!r} {_PERIODS[budget.period]}"
                f" ({amount_words(budget.amount, budget.unit)}"
                f" {'tokens' if budget.unit == 'tokens' else 'USD'}) is spent, and it is set to"
                " stop agents. A person can raise or remove it in a terminal:"
                f" `flowtrace budgets set {budget.name!r} --amount ...`,"
                f" `flowtrace budgets remove {budget.name!r}`."
            )
    return ""


def _last_event(context: Context, budget: Budget) -> BudgetEvent | None:
    """Return the last event of the present period; of traces, of the last day."""
    now_us = context.now_us()
    events = context.store.budgets.list_events(budget.budget_id, 1)
    since_us = period_start_us(budget.period, now_us)
    if not events or events[0].period_us != since_us:
        return None
    if budget.period == "trace" and events[0].at_us < now_us - DAY_US:
        return None
    return events[0]
