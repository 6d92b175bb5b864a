"""One row a session: the roll-up that session lists read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage.first_said import keep_first
from flowtrace_mcp.storage.measures import ADDED, COLUMNS, DEFINITION, Measures, measures_from
from flowtrace_mcp.storage.rows import insert_rows
from flowtrace_mcp.storage.traces import Page

CREATE: Final = f"""
    CREATE TABLE sessions (
        session_id INTEGER PRIMARY KEY,
        project_id INTEGER NOT NULL,
        agent_id INTEGER NOT NULL,
        agent_us INTEGER NOT NULL,
        user_id INTEGER NOT NULL,
        user_us INTEGER NOT NULL,
        start_us INTEGER NOT NULL,
        end_us INTEGER NOT NULL,{DEFINITION}
    ) STRICT;
    CREATE INDEX sessions_by_start ON sessions (start_us);
    CREATE INDEX sessions_by_project ON sessions (project_id, start_us);
"""
_NAMED: Final = (
    f"session_id, project_id, agent_id, agent_us, user_id, user_us, start_us, end_us, {COLUMNS}"
)
_HEAD: Final = f"INSERT INTO sessions ({_NAMED})"
_ADD: Final = f"""
    ON CONFLICT (session_id) DO UPDATE SET
        project_id = iif(excluded.project_id = 0, project_id, excluded.project_id),
        {keep_first("agent", "user")},
        start_us = min(start_us, excluded.start_us),
        end_us = max(end_us, excluded.end_us),
        {ADDED}
"""
_SELECT: Final = f"SELECT {_NAMED} FROM sessions"
_ORDER: Final = "ORDER BY start_us DESC, session_id DESC LIMIT ?"
_BEFORE: Final = "(start_us, session_id) < (?, ?)"
_BY_PROJECT: Final = f"{_SELECT} WHERE project_id = ? AND start_us >= ? AND {_BEFORE} {_ORDER}"
_BY_TIME: Final = f"{_SELECT} WHERE start_us >= ? AND {_BEFORE} {_ORDER}"
_BY_COST: Final = f"""
    {_SELECT} WHERE start_us >= ? AND start_us < ? AND (? OR project_id = ?)
    ORDER BY cost_usd DESC, start_us DESC, session_id DESC LIMIT ?
"""
_GET: Final = f"{_SELECT} WHERE session_id = ?"
_MOVE: Final = "UPDATE sessions SET project_id = ? WHERE project_id = ?"
_REBIND: Final = "UPDATE sessions SET project_id = ? WHERE session_id = ?"
_RELEASE: Final = (
    "UPDATE sessions SET user_id = 0, user_us = 0 WHERE session_id = ? AND user_us = ?"
)
_DELETE: Final = "DELETE FROM sessions WHERE session_id = ?"
_COUNT: Final = "SELECT count(*) FROM sessions"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRollup:
    """What a list shows of a session; ids are signed dictionary numbers."""

    session_id: int
    project_id: int
    agent_id: int
    agent_us: int  # start of the span that said it, see ``first_said``
    user_id: int
    user_us: int
    start_us: int
    end_us: int
    measures: Measures

    def row(self) -> tuple[Any, ...]:
        """Return the values in the order of the table's columns."""
        return (
            self.session_id,
            self.project_id,
            self.agent_id,
            self.agent_us,
            self.user_id,
            self.user_us,
            self.start_us,
            self.end_us,
            *self.measures.values(),
        )


def add_to_sessions(connection: apsw.Connection, rollups: Sequence[SessionRollup]) -> None:
    """Add what new spans contribute to their sessions' rows."""
    insert_rows(connection, _HEAD, [rollup.row() for rollup in rollups], _ADD)


def list_dearest_sessions(
    reader: apsw.Connection, window_us: tuple[int, int], project_id: int | None, limit: int
) -> list[SessionRollup]:
    """Return sessions that began in a window, those that cost most first.

    Args:
        reader: Where to look.
        window_us: First microsecond, and the first one after.
        project_id: Only of this project; None = of all.
        limit: At most so many.
    """
    values = (*window_us, project_id is None, project_id or 0, limit)
    return [_session(row) for row in reader.execute(_BY_COST, values)]


def find_session(reader: apsw.Connection, session_id: int) -> SessionRollup | None:
    """Return the row of an unsigned session id, or None."""
    row = reader.execute(_GET, (to_signed(session_id),)).fetchone()
    return None if row is None else _session(row)


def list_sessions(
    reader: apsw.Connection, page: Page, project_id: int | None = None
) -> list[SessionRollup]:
    """Return sessions newest first, of a project or (None) of all."""
    tail = (page.since_us, page.before_us, page.before_id, page.limit)
    if project_id is None:
        rows = reader.execute(_BY_TIME, tail)
    else:
        rows = reader.execute(_BY_PROJECT, (project_id, *tail))
    return [_session(row) for row in rows]


def move_sessions(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Move the rows of a project to another."""
    connection.execute(_MOVE, (target_id, source_id))


def update_sessions_project(connection: apsw.Connection, session_id: int, project_id: int) -> None:
    """Move the row of an unsigned session id to a project."""
    connection.execute(_REBIND, (project_id, to_signed(session_id)))


def release_session(connection: apsw.Connection, session_id: int, start_us: int) -> None:
    """Forget the user's name where a span that starts then had said it; it is replaced."""
    connection.execute(_RELEASE, (to_signed(session_id), start_us))


def delete_session(connection: apsw.Connection, session_id: int) -> None:
    """Remove the row of an unsigned session id, so that it can be made again from its spans."""
    connection.execute(_DELETE, (to_signed(session_id),))


def count_sessions(reader: apsw.Connection) -> int:
    """Return how many sessions the file holds."""
    return int(reader.execute(_COUNT).get)


def _session(row: tuple[Any, ...]) -> SessionRollup:
    session_id, project_id, agent_id, agent_us, user_id, user_us, start_us, end_us = row[:8]
    return SessionRollup(
        session_id=session_id,
        project_id=project_id,
        agent_id=agent_id,
        agent_us=agent_us,
        user_id=user_id,
        user_us=user_us,
        start_us=start_us,
        end_us=end_us,
        measures=measures_from(row[8:]),
    )
