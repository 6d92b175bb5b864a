"""Budgets of one database: set, listed, looked at, and what they reached."""

from flowtrace_mcp.storage import budgets, meta, traces
from flowtrace_mcp.storage.budgets import Budget, BudgetEvent
from flowtrace_mcp.storage.database import Connection, Database
from flowtrace_mcp.storage.traces import DearTraces, TraceRollup


class BudgetStore:
    """Budgets and their events of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def has_any(self) -> bool:
        """Say whether there is a budget at all."""
        with self._database.reading() as reader:
            return budgets.has_any(reader)

    def list_budgets(self) -> list[Budget]:
        """Return all budgets by name."""
        with self._database.reading() as reader:
            return budgets.list_budgets(reader)

    def list_stopping(self) -> list[Budget]:
        """Return active budgets at whose limit agents stop, by name."""
        with self._database.reading() as reader:
            return budgets.list_stopping(reader)

    def set_budget(self, budget: Budget, period_us: int) -> None:
        """Keep a budget; what it reached in the period that begins there is forgotten."""
        self._database.write(lambda c: budgets.set_budget(c, budget, period_us))

    def delete_budget(self, budget_id: int) -> bool:
        """Remove a budget with its events; say whether there was one."""
        return self._database.write(lambda c: budgets.delete_budget(c, budget_id))

    def fire(self, events: list[BudgetEvent], forget_before_us: int) -> list[BudgetEvent]:
        """Note thresholds that were reached; return those that were not noted yet.

        Nothing is written where all of them are noted. Of several processes one is given each.
        """
        with self._database.reading() as reader:
            fresh = [event for event in events if not budgets.has_event(reader, event)]
        if not fresh:
            return []

        def job(connection: Connection) -> list[BudgetEvent]:
            for budget_id in {event.budget_id for event in fresh}:
                budgets.delete_old_events(connection, budget_id, forget_before_us)
            return [event for event in fresh if budgets.insert_event(connection, event)]

        return self._database.write(job)

    def note_told(self, event: BudgetEvent, told: str) -> None:
        """Note who was told of an event."""
        self._database.write(lambda c: budgets.update_told(c, event, told))

    def list_events(self, budget_id: int, limit: int) -> list[BudgetEvent]:
        """Return events of a budget, newest first."""
        with self._database.reading() as reader:
            return budgets.list_events(reader, budget_id, limit)

    def find_reached(self, budget_id: int, period_us: int) -> int:
        """Return the highest threshold that was reached in a period, 0 when none was."""
        with self._database.reading() as reader:
            return budgets.find_reached(reader, budget_id, period_us)

    def list_dear_traces(self, wanted: DearTraces, limit: int) -> list[TraceRollup]:
        """Return traces that used at least so much, those that used most first."""
        with self._database.reading() as reader:
            return traces.list_dear_traces(reader, wanted, limit)

    def arrival_clock(self) -> str:
        """Return what changes whenever spans are stored."""
        with self._database.reading() as reader:
            return meta.find_meta(reader, meta.CLOCK) or ""
