"""What may be spent, and which limits were reached: one row a budget, one row an event."""

from typing import Any, Final

import apsw
import msgspec

CREATE: Final = """
    CREATE TABLE budgets (
        budget_id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        description TEXT NOT NULL,
        period TEXT NOT NULL,
        unit TEXT NOT NULL,
        amount REAL NOT NULL,
        thresholds TEXT NOT NULL,
        project_id INTEGER NOT NULL,
        agent TEXT NOT NULL,
        model TEXT NOT NULL,
        is_active INTEGER NOT NULL,
        stops INTEGER NOT NULL,
        webhook TEXT NOT NULL,
        runs_command INTEGER NOT NULL,
        created_us INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE budget_events (
        budget_id INTEGER NOT NULL,
        period_us INTEGER NOT NULL,
        trace_id BLOB NOT NULL,
        threshold_percent INTEGER NOT NULL,
        at_us INTEGER NOT NULL,
        spent REAL NOT NULL,
        amount REAL NOT NULL,
        told TEXT NOT NULL,
        PRIMARY KEY (budget_id, period_us, trace_id, threshold_percent)
    ) STRICT, WITHOUT ROWID;
"""
_COLUMNS: Final = (
    "budget_id, name, description, period, unit, amount, thresholds, project_id, agent, model,"
    " is_active, stops, webhook, runs_command, created_us"
)
_INSERT: Final = f"""
    INSERT INTO budgets ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (budget_id) DO UPDATE SET
        name = excluded.name, description = excluded.description, period = excluded.period,
        unit = excluded.unit, amount = excluded.amount, thresholds = excluded.thresholds,
        project_id = excluded.project_id, agent = excluded.agent, model = excluded.model,
        is_active = excluded.is_active, stops = excluded.stops, webhook = excluded.webhook,
        runs_command = excluded.runs_command
"""
_LIST: Final = f"SELECT {_COLUMNS} FROM budgets ORDER BY name LIMIT ?"
_LIST_STOPPING: Final = f"""
    SELECT {_COLUMNS} FROM budgets WHERE stops AND is_active ORDER BY name LIMIT ?
"""
_HAS_ANY: Final = "SELECT 1 FROM budgets LIMIT 1"
_DELETE: Final = "DELETE FROM budgets WHERE budget_id = ?"
_FORGET: Final = "DELETE FROM budget_events WHERE budget_id = ? AND period_us >= ?"
_FIRE: Final = """
    INSERT INTO budget_events
        (budget_id, period_us, trace_id, threshold_percent, at_us, spent, amount, told)
    VALUES (?, ?, ?, ?, ?, ?, ?, '')
    ON CONFLICT (budget_id, period_us, trace_id, threshold_percent) DO NOTHING
"""
_TOLD: Final = """
    UPDATE budget_events SET told = ?
    WHERE budget_id = ? AND period_us = ? AND trace_id = ? AND threshold_percent = ?
"""
_EVENT_COLUMNS: Final = (
    "budget_id, period_us, trace_id, threshold_percent, at_us, spent, amount, told"
)
_FIND: Final = """
    SELECT 1 FROM budget_events
    WHERE budget_id = ? AND period_us = ? AND trace_id = ? AND threshold_percent = ?
"""
_EVENTS: Final = f"""
    SELECT {_EVENT_COLUMNS} FROM budget_events WHERE budget_id = ?
    ORDER BY at_us DESC, period_us DESC, trace_id, threshold_percent DESC LIMIT ?
"""
_REACHED: Final = """
    SELECT max(threshold_percent) FROM budget_events
    WHERE budget_id = ? AND period_us = ? AND trace_id = x''
"""
_FORGET_OLD: Final = """
    DELETE FROM budget_events
    WHERE budget_id = ? AND at_us < ? AND (period_us > 0 OR trace_id != x'')
"""
_MOVE: Final = "UPDATE budgets SET project_id = ? WHERE project_id = ?"
BUDGETS_LIMIT: Final = 100
ALL_PROJECTS: Final = -1  # 0 is the project of spans that belong to none yet


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What may be spent in a period, and who is told.

    Attributes:
        budget_id: Signed number of this file.
        name: What people call it; no two have the same.
        description: Their own words.
        period: total, hourly, daily, weekly, monthly or trace.
        unit: usd or tokens.
        amount: What may be spent.
        thresholds: Percent of it at which somebody is told, rising.
        project_id: What this project spends; ``ALL_PROJECTS`` = all.
        agent: What this agent spends; "" = all.
        model: What this model costs; "" = all.
        is_active: Whether it is looked at.
        stops: Whether an agent's hook refuses to go on at 100 %.
        webhook: Where events are posted, on this machine; "" = nowhere.
        runs_command: Whether the command of the settings is run.
        created_us: When it was set first.
    """

    budget_id: int
    name: str
    description: str = ""
    period: str
    unit: str = "usd"
    amount: float
    thresholds: tuple[int, ...] = (100,)
    project_id: int = ALL_PROJECTS
    agent: str = ""
    model: str = ""
    is_active: bool = True
    stops: bool = False
    webhook: str = ""
    runs_command: bool = False
    created_us: int = 0


class BudgetEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold that was reached.

    Attributes:
        budget_id: Of this budget.
        period_us: Start of the period; 0 = all time, and of a trace.
        trace_id: 16 bytes; empty where the period is not a trace.
        threshold_percent: Which one.
        at_us: When it was seen.
        spent: How much it was then.
        amount: Of how much.
        told: Who was told, and what went wrong with it; "" = nobody yet.
    """

    budget_id: int
    period_us: int
    trace_id: bytes = b""
    threshold_percent: int
    at_us: int
    spent: float
    amount: float
    told: str = ""


def set_budget(connection: apsw.Connection, budget: Budget, period_us: int) -> None:
    """Keep a budget; what it reached in the period that begins there is forgotten."""
    connection.execute(_INSERT, _row(budget))
    connection.execute(_FORGET, (budget.budget_id, period_us))


def list_budgets(reader: apsw.Connection) -> list[Budget]:
    """Return all budgets by name."""
    return [_budget(row) for row in reader.execute(_LIST, (BUDGETS_LIMIT,))]


def list_stopping(reader: apsw.Connection) -> list[Budget]:
    """Return active budgets at whose limit agents stop, by name."""
    return [_budget(row) for row in reader.execute(_LIST_STOPPING, (BUDGETS_LIMIT,))]


def has_any(reader: apsw.Connection) -> bool:
    """Say whether there is a budget at all."""
    return reader.execute(_HAS_ANY).fetchone() is not None


def delete_budget(connection: apsw.Connection, budget_id: int) -> bool:
    """Remove a budget with its events; say whether there was one."""
    connection.execute(_DELETE, (budget_id,))
    is_gone = connection.changes() > 0
    connection.execute(_FORGET, (budget_id, 0))
    return is_gone


def has_event(reader: apsw.Connection, event: BudgetEvent) -> bool:
    """Say whether a threshold is noted as reached."""
    return reader.execute(_FIND, _key(event)).fetchone() is not None


def insert_event(connection: apsw.Connection, event: BudgetEvent) -> bool:
    """Note that a threshold was reached; say whether it was not noted yet."""
    values = (*_key(event), event.at_us, event.spent, event.amount)
    connection.execute(_FIRE, values)
    return connection.changes() > 0


def update_told(connection: apsw.Connection, event: BudgetEvent, told: str) -> None:
    """Note who was told of an event."""
    connection.execute(_TOLD, (told, *_key(event)))


def list_events(reader: apsw.Connection, budget_id: int, limit: int) -> list[BudgetEvent]:
    """Return events of a budget, newest first."""
    return [
        BudgetEvent(
            budget_id=row[0],
            period_us=row[1],
            trace_id=row[2],
            threshold_percent=row[3],
            at_us=row[4],
            spent=row[5],
            amount=row[6],
            told=row[7],
        )
        for row in reader.execute(_EVENTS, (budget_id, limit))
    ]


def find_reached(reader: apsw.Connection, budget_id: int, period_us: int) -> int:
    """Return the highest threshold that was reached in a period, 0 when none was."""
    return reader.execute(_REACHED, (budget_id, period_us)).get or 0


def delete_old_events(connection: apsw.Connection, budget_id: int, before_us: int) -> None:
    """Remove events of a budget from before a time; those of all time stay."""
    connection.execute(_FORGET_OLD, (budget_id, before_us))


def move_budgets(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Let budgets of a project be another's."""
    connection.execute(_MOVE, (target_id, source_id))


def _key(event: BudgetEvent) -> tuple[int, int, bytes, int]:
    return event.budget_id, event.period_us, event.trace_id, event.threshold_percent


def _row(budget: Budget) -> tuple[Any, ...]:
    return (
        budget.budget_id,
        budget.name,
        budget.description,
        budget.period,
        budget.unit,
        budget.amount,
        msgspec.json.encode(budget.thresholds).decode(),
        budget.project_id,
        budget.agent,
        budget.model,
        budget.is_active,
        budget.stops,
        budget.webhook,
        budget.runs_command,
        budget.created_us,
    )


def _budget(row: tuple[Any, ...]) -> Budget:
    return Budget(
        budget_id=row[0],
        name=row[1],
        description=row[2],
        period=row[3],
        unit=row[4],
        amount=row[5],
        thresholds=msgspec.json.decode(row[6], type=tuple[int, ...]),
        project_id=row[7],
        agent=row[8],
        model=row[9],
        is_active=bool(row[10]),
        stops=bool(row[11]),
        webhook=row[12],
        runs_command=bool(row[13]),
        created_us=row[14],
    )
