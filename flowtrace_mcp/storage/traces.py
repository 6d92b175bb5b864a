"""One row a trace: the roll-up that lists read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import apsw

from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage import meta
from flowtrace_mcp.storage.first_said import keep_first, says_first
from flowtrace_mcp.storage.measures import ADDED, COLUMNS, DEFINITION, Measures, measures_from
from flowtrace_mcp.storage.rows import insert_rows

CREATE: Final = f"""
    CREATE TABLE traces (
        trace_id INTEGER NOT NULL,
        trace_id_high INTEGER NOT NULL,
        project_id INTEGER NOT NULL,
        session_id INTEGER NOT NULL,
        session_us INTEGER NOT NULL,
        agent_id INTEGER NOT NULL,
        agent_us INTEGER NOT NULL,
        service_id INTEGER NOT NULL,
        service_us INTEGER NOT NULL,
        name_id INTEGER NOT NULL,
        name_us INTEGER NOT NULL,
        start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL,{DEFINITION},
        change_id INTEGER NOT NULL,
        PRIMARY KEY (trace_id, trace_id_high)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX traces_by_start ON traces (start_us);
    CREATE INDEX traces_by_project ON traces (project_id, start_us);
    CREATE INDEX traces_by_session ON traces (session_id, start_us);
    CREATE INDEX traces_by_change ON traces (change_id);
"""
_NAMED: Final = (
    "trace_id, trace_id_high, project_id, session_id, session_us, agent_id, agent_us,"
    f" service_id, service_us, name_id, name_us, start_us, end_us, {COLUMNS}"
)
_HEAD: Final = f"INSERT INTO traces ({_NAMED}, change_id)"
_ADD: Final = f"""
    ON CONFLICT (trace_id, trace_id_high) DO UPDATE SET
        project_id = iif({says_first("session")}, excluded.project_id, project_id),
        {keep_first("session", "agent", "service", "name")},
        start_us = min(start_us, excluded.start_us),
        end_us = max(end_us, excluded.end_us),
        {ADDED},
        change_id = excluded.change_id
"""
_SELECT: Final = f"SELECT {_NAMED} FROM traces"
_CHANGED: Final = f"""
    SELECT {_NAMED}, change_id FROM traces WHERE change_id > ? ORDER BY change_id LIMIT ?
"""
_ORDER: Final = "ORDER BY start_us DESC, trace_id DESC, trace_id_high DESC LIMIT ?"
_BEFORE: Final = "(start_us, trace_id) < (?, ?)"
_BY_PROJECT: Final = f"{_SELECT} WHERE project_id = ? AND start_us >= ? AND {_BEFORE} {_ORDER}"
_BY_SESSION: Final = f"{_SELECT} WHERE session_id = ? AND start_us >= ? AND {_BEFORE} {_ORDER}"
_BY_TIME: Final = f"{_SELECT} WHERE start_us >= ? AND {_BEFORE} {_ORDER}"
# What a trace used by unit; made from these constants alone.
_USED: Final = {
    "usd": "coalesce(cost_usd, 0)",
    "tokens": "coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0)"
    " + coalesce(cache_write_tokens, 0) + coalesce(output_tokens, 0)",
}
_DEAR: Final = f"""
    {_SELECT} WHERE start_us >= ? AND (? OR project_id = ?) AND (? OR agent_id = ?) AND {{used}} >= ?
    ORDER BY {{used}} DESC, start_us DESC, trace_id DESC, trace_id_high DESC LIMIT ?
"""
_GET: Final = f"{_SELECT} WHERE trace_id = ? AND trace_id_high = ?"
_MOVE: Final = "UPDATE traces SET project_id = ? WHERE project_id = ?"
_BETWEEN: Final = """
    SELECT trace_id, trace_id_high FROM traces WHERE trace_id BETWEEN ? AND ?
    ORDER BY trace_id, trace_id_high LIMIT ?
"""
_REBIND: Final = "UPDATE traces SET project_id = ? WHERE session_id = ?"
_RELEASE: Final = """
    UPDATE traces SET
        service_id = iif(service_us = :start, 0, service_id),
        service_us = iif(service_us = :start, 0, service_us),
        name_id = iif(name_us = :start, 0, name_id),
        name_us = iif(name_us = :start, 0, name_us)
    WHERE trace_id = :low AND trace_id_high = :high
"""
_DELETE: Final = "DELETE FROM traces WHERE trace_id = ? AND trace_id_high = ?"
_COUNT: Final = "SELECT count(*) FROM traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRollup:
    """What a list shows of a trace; the ids ending in ``_id`` are dictionary numbers."""

    trace_id: bytes
    project_id: int  # of the session that the trace names first
    session_id: int
    session_us: int  # start of the span that said it, see ``first_said``
    agent_id: int
    agent_us: int
    service_id: int
    service_us: int
    name_id: int  # of the root's name, 0 until the root arrives
    name_us: int
    start_us: int
    end_us: int
    measures: Measures

    def row(self) -> tuple[Any, ...]:
        """Return the values in the order of the table's columns."""
        return (
            *_halves(self.trace_id),
            self.project_id,
            self.session_id,
            self.session_us,
            self.agent_id,
            self.agent_us,
            self.service_id,
            self.service_us,
            self.name_id,
            self.name_us,
            self.start_us,
            self.end_us,
            *self.measures.values(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where a newest-first list goes on, and how far back it may look."""

    limit: int
    since_us: int = 0
    before_us: int = 2**62
    before_id: int = 0  # signed; breaks ties in time


@dataclass(frozen=True, slots=True, kw_only=True)
class DearTraces:
    """Which traces used at least so much; None = of all."""

    since_us: int  # of those that began from then on
    unit: Literal["usd", "tokens"]
    least: float
    project_id: int | None = None
    agent_id: int | None = None  # signed number of the dictionary


def add_to_traces(connection: apsw.Connection, rollups: Sequence[TraceRollup]) -> None:
    """Add what new spans contribute to their traces' rows; each change of a row has a number."""
    if not rollups:
        return
    first = meta.take_numbers(connection, meta.CHANGE, len(rollups))
    rows = [(*rollup.row(), change_id) for change_id, rollup in enumerate(rollups, first)]
    insert_rows(connection, _HEAD, rows, _ADD)


def list_changed_traces(
    reader: apsw.Connection, after: int, limit: int
) -> list[tuple[int, TraceRollup]]:
    """Return traces that changed after a change, with the number of their last, in that order."""
    return [(row[-1], _trace(row[:-1])) for row in reader.execute(_CHANGED, (after, limit))]


def find_trace(reader: apsw.Connection, trace_id: bytes) -> TraceRollup | None:
    """Return a trace's row, or None."""
    row = reader.execute(_GET, _halves(trace_id)).fetchone()
    return None if row is None else _trace(row)


def list_ids_between(reader: apsw.Connection, lows: tuple[int, int], limit: int) -> list[bytes]:
    """Return trace ids whose signed lower half lies between two, both included."""
    return [_trace_id(*row) for row in reader.execute(_BETWEEN, (*lows, limit))]


def list_traces(
    reader: apsw.Connection, page: Page, *, project_id: int | None = None, session_id: int = 0
) -> list[TraceRollup]:
    """Return traces newest first: of a session, else of a project, else of all.

    Args:
        reader: A read connection.
        page: Where the list goes on.
        project_id: A project's number, or None for all.
        session_id: Unsigned; 0 for all.
    """
    tail = (page.since_us, page.before_us, page.before_id, page.limit)
    if session_id:
        rows = reader.execute(_BY_SESSION, (to_signed(session_id), *tail))
    elif project_id is not None:
        rows = reader.execute(_BY_PROJECT, (project_id, *tail))
    else:
        rows = reader.execute(_BY_TIME, tail)
    return [_trace(row) for row in rows]


def list_dear_traces(reader: apsw.Connection, wanted: DearTraces, limit: int) -> list[TraceRollup]:
    """Return traces that used at least so much, those that used most first."""
    project_id, agent_id = wanted.project_id, wanted.agent_id
    of = (project_id is None, project_id or 0, agent_id is None, agent_id or 0)
    statement = _DEAR.format(used=_USED[wanted.unit])
    rows = reader.execute(statement, (wanted.since_us, *of, wanted.least, limit))
    return [_trace(row) for row in rows]


def move_traces(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Move the rows of a project to another."""
    connection.execute(_MOVE, (target_id, source_id))


def update_traces_project(connection: apsw.Connection, session_id: int, project_id: int) -> None:
    """Move the traces of an unsigned session id to a project."""
    connection.execute(_REBIND, (project_id, to_signed(session_id)))


def release_trace(connection: apsw.Connection, trace_id: bytes, start_us: int) -> None:
    """Forget the names that a span that starts then had said; it is replaced."""
    low, high = _halves(trace_id)
    connection.execute(_RELEASE, {"start": start_us, "low": low, "high": high})


def delete_trace(connection: apsw.Connection, trace_id: bytes) -> None:
    """Remove a trace's row, so that it can be made again from its spans."""
    connection.execute(_DELETE, _halves(trace_id))


def count_traces(reader: apsw.Connection) -> int:
    """Return how many traces the file holds."""
    return int(reader.execute(_COUNT).get)


def _halves(trace_id: bytes) -> tuple[int, int]:
    """Return the low and the high half, signed: the order of the primary key."""
    low, high = trace_id[8:], trace_id[:8]
    return int.from_bytes(low, "big", signed=True), int.from_bytes(high, "big", signed=True)


def _trace_id(low: int, high: int) -> bytes:
    return high.to_bytes(8, "big", signed=True) + low.to_bytes(8, "big", signed=True)


def _trace(row: tuple[Any, ...]) -> TraceRollup:
    return TraceRollup(
        trace_id=_trace_id(*row[:2]),
        project_id=row[2],
        session_id=row[3],
        session_us=row[4],
        agent_id=row[5],
        agent_us=row[6],
        service_id=row[7],
        service_us=row[8],
        name_id=row[9],
        name_us=row[10],
        start_us=row[11],
        end_us=row[12],
        measures=measures_from(row[13:]),
    )
