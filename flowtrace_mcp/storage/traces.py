"""One row a trace: the roll-up that lists read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage.measures import ADDED, COLUMNS, DEFINITION, Measures, measures_from
from flowtrace_mcp.storage.rows import insert_rows

CREATE: Final = f"""
    CREATE TABLE traces (
        trace_id INTEGER NOT NULL,
        trace_id_high INTEGER NOT NULL,
        project_id INTEGER NOT NULL,
        session_id INTEGER NOT NULL,
        agent_id INTEGER NOT NULL,
        service_id INTEGER NOT NULL,
        name_id INTEGER NOT NULL,
        start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL,{DEFINITION},
        PRIMARY KEY (trace_id, trace_id_high)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX traces_by_start ON traces (start_us);
    CREATE INDEX traces_by_project ON traces (project_id, start_us);
    CREATE INDEX traces_by_session ON traces (session_id, start_us);
"""
_HEAD: Final = (
    "INSERT INTO traces (trace_id, trace_id_high, project_id, session_id, agent_id, service_id,"
    f" name_id, start_us, end_us, {COLUMNS})"
)
# A root's name, and anything known, wins over what a child could only guess.
_ADD: Final = f"""
    ON CONFLICT (trace_id, trace_id_high) DO UPDATE SET
        project_id = iif(excluded.project_id = 0, project_id, excluded.project_id),
        session_id = iif(excluded.session_id = 0, session_id, excluded.session_id),
        agent_id = iif(excluded.agent_id = 0, agent_id, excluded.agent_id),
        service_id = iif(excluded.service_id = 0, service_id, excluded.service_id),
        name_id = iif(excluded.name_id = 0, name_id, excluded.name_id),
        start_us = min(start_us, excluded.start_us),
        end_us = max(end_us, excluded.end_us),
        {ADDED}
"""
_SELECT: Final = f"""
    SELECT trace_id, trace_id_high, project_id, session_id, agent_id, service_id, name_id,
        start_us, end_us, {COLUMNS}
    FROM traces
"""
_ORDER: Final = "ORDER BY start_us DESC, trace_id DESC, trace_id_high DESC LIMIT ?"
_BEFORE: Final = "(start_us, trace_id) < (?, ?)"
_BY_PROJECT: Final = f"{_SELECT} WHERE project_id = ? AND start_us >= ? AND {_BEFORE} {_ORDER}"
_BY_SESSION: Final = f"{_SELECT} WHERE session_id = ? AND start_us >= ? AND {_BEFORE} {_ORDER}"
_BY_TIME: Final = f"{_SELECT} WHERE start_us >= ? AND {_BEFORE} {_ORDER}"
_GET: Final = f"{_SELECT} WHERE trace_id = ? AND trace_id_high = ?"
_REBIND: Final = "UPDATE traces SET project_id = ? WHERE session_id = ?"
_COUNT: Final = "SELECT count(*) FROM traces"


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRollup:
    """What a list shows of a trace; the ids ending in ``_id`` are dictionary numbers."""

    trace_id: bytes
    project_id: int
    session_id: int
    agent_id: int
    service_id: int
    name_id: int  # of the root's name, 0 until the root arrives
    start_us: int
    end_us: int
    measures: Measures

    def row(self) -> tuple[Any, ...]:
        """Return the values in the order of the table's columns."""
        return (
            int.from_bytes(self.trace_id[8:], "big", signed=True),
            int.from_bytes(self.trace_id[:8], "big", signed=True),
            self.project_id,
            self.session_id,
            self.agent_id,
            self.service_id,
            self.name_id,
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


def add_to_traces(connection: apsw.Connection, rollups: Sequence[TraceRollup]) -> None:
    """Add what new spans contribute to their traces' rows."""
    insert_rows(connection, _HEAD, [rollup.row() for rollup in rollups], _ADD)


def find_trace(reader: apsw.Connection, trace_id: bytes) -> TraceRollup | None:
    """Return a trace's row, or None."""
    low = int.from_bytes(trace_id[8:], "big", signed=True)
    high = int.from_bytes(trace_id[:8], "big", signed=True)
    row = reader.execute(_GET, (low, high)).fetchone()
    return None if row is None else _trace(row)


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


def update_traces_project(connection: apsw.Connection, session_id: int, project_id: int) -> None:
    """Move the traces of an unsigned session id to a project."""
    connection.execute(_REBIND, (project_id, to_signed(session_id)))


def count_traces(reader: apsw.Connection) -> int:
    """Return how many traces the file holds."""
    return int(reader.execute(_COUNT).get)


def _trace(row: tuple[Any, ...]) -> TraceRollup:
    low, high, project_id, session_id, agent_id, service_id, name_id, start_us, end_us = row[:9]
    return TraceRollup(
        trace_id=high.to_bytes(8, "big", signed=True) + low.to_bytes(8, "big", signed=True),
        project_id=project_id,
        session_id=session_id,
        agent_id=agent_id,
        service_id=service_id,
        name_id=name_id,
        start_us=start_us,
        end_us=end_us,
        measures=measures_from(row[9:]),
    )
