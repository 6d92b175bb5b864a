"""One row a project and hour: sums, a sketch of durations, a count of distinct sessions."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import apsw

from flowtrace_mcp.analytics.ddsketch import DDSketch
from flowtrace_mcp.analytics.hyperloglog import HyperLogLog
from flowtrace_mcp.storage.measures import (
    ADDED,
    COLUMNS,
    DEFINITION,
    NAMES,
    Measures,
    measures_from,
)

CREATE: Final = f"""
    CREATE TABLE project_hours (
        project_id INTEGER NOT NULL,
        hour_us INTEGER NOT NULL,
        durations BLOB NOT NULL,
        sessions BLOB NOT NULL,{DEFINITION},
        PRIMARY KEY (project_id, hour_us)
    ) STRICT, WITHOUT ROWID;
"""
_SKETCHES: Final = """
    SELECT durations, sessions FROM project_hours WHERE project_id = ? AND hour_us = ?
"""
_ADD: Final = f"""
    INSERT INTO project_hours (project_id, hour_us, durations, sessions, {COLUMNS})
    VALUES (?, ?, ?, ?, {", ".join("?" * len(NAMES))})
    ON CONFLICT (project_id, hour_us) DO UPDATE SET
        durations = excluded.durations, sessions = excluded.sessions, {ADDED}
"""
_LIST: Final = f"""
    SELECT project_id, hour_us, durations, sessions, {COLUMNS} FROM project_hours
    WHERE project_id = ? AND hour_us >= ? AND hour_us < ? ORDER BY hour_us LIMIT ?
"""
_LIST_ALL: Final = f"""
    SELECT project_id, hour_us, durations, sessions, {COLUMNS} FROM project_hours
    WHERE project_id IN (SELECT 0 UNION SELECT project_id FROM projects)
        AND hour_us >= ? AND hour_us < ? ORDER BY hour_us, project_id LIMIT ?
"""
_DELETE: Final = "DELETE FROM project_hours WHERE project_id = ? AND hour_us = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class HourAddition:
    """What new spans add to an hour of a project."""

    project_id: int
    hour_us: int  # start of the hour
    durations_us: Sequence[int]
    session_ids: frozenset[int]  # unsigned
    measures: Measures
    gone_durations_us: Sequence[int] = ()  # of older versions of these spans


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectHour:
    """A stored hour; durations are in microseconds."""

    project_id: int
    hour_us: int
    durations: DDSketch
    sessions: HyperLogLog
    measures: Measures


def add_to_project_hour(connection: apsw.Connection, addition: HourAddition) -> bool:
    """Merge what new spans add into the row of their hour.

    Returns:
        Whether the row is exact; if not, it must be made again from its spans.
    """
    key = (addition.project_id, addition.hour_us)
    row = connection.execute(_SKETCHES, key).fetchone()
    durations = DDSketch.from_bytes(row[0]) if row else DDSketch()
    sessions = HyperLogLog.from_bytes(row[1]) if row else HyperLogLog()
    durations.add_many(addition.durations_us)
    is_exact = all(durations.remove(gone) for gone in addition.gone_durations_us)
    for session_id in addition.session_ids:
        sessions.add_hash(session_id)
    connection.execute(
        _ADD, (*key, durations.to_bytes(), sessions.to_bytes(), *addition.measures.values())
    )
    return is_exact


def list_project_hours(
    reader: apsw.Connection, project_id: int | None, window_us: tuple[int, int], limit: int
) -> list[ProjectHour]:
    """Return hours of a project (None: of all) that start in a window, oldest first.

    Their sketches are shared between answers: they are merged into others, never changed.
    """
    if project_id is None:
        rows = reader.execute(_LIST_ALL, (*window_us, limit))
    else:
        rows = reader.execute(_LIST, (project_id, *window_us, limit))
    return [
        ProjectHour(
            project_id=row[0],
            hour_us=row[1],
            durations=_durations(row[2]),
            sessions=_sessions(row[3]),
            measures=measures_from(row[4:]),
        )
        for row in rows
    ]


# An hour that is over is asked for again and again and stays as it is; some 5 MB at most.
@lru_cache(maxsize=128)
def _durations(blob: bytes) -> DDSketch:
    return DDSketch.from_bytes(blob)


@lru_cache(maxsize=128)
def _sessions(blob: bytes) -> HyperLogLog:
    return HyperLogLog.from_bytes(blob)


def delete_project_hour(connection: apsw.Connection, project_id: int, hour_us: int) -> None:
    """Remove an hour, so that it can be made again from its spans."""
    connection.execute(_DELETE, (project_id, hour_us))
