"""Projects of this file, and which session belongs to which."""

from dataclasses import dataclass
from typing import Final

import apsw

from flowtrace_mcp.errors import StorageError
from flowtrace_mcp.model.edge import U16_MAX
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE TABLE projects (
        project_id INTEGER PRIMARY KEY CHECK (project_id BETWEEN 1 AND 65535),
        identity TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        merged_into INTEGER REFERENCES projects
    ) STRICT;
    CREATE TABLE session_projects (
        session_id INTEGER PRIMARY KEY,
        project_id INTEGER NOT NULL REFERENCES projects
    ) STRICT;
    CREATE INDEX session_projects_by_project ON session_projects (project_id);
"""
_FIND: Final = "SELECT coalesce(merged_into, project_id) FROM projects WHERE identity = ?"
_NEXT: Final = "SELECT coalesce(max(project_id), 0) + 1 FROM projects"
_INSERT: Final = """
    INSERT INTO projects (project_id, identity, name, created_us) VALUES (?, ?, ?, ?)
"""
_LIST: Final = """
    SELECT project_id, identity, name, created_us, merged_into FROM projects
    ORDER BY project_id LIMIT ?
"""
_NAMED: Final = """
    SELECT coalesce(merged_into, project_id) FROM projects WHERE name = ?
    ORDER BY merged_into IS NOT NULL, project_id LIMIT 1
"""
_MERGE: Final = """
    UPDATE projects SET merged_into = :target
    WHERE project_id = :source OR merged_into = :source
"""
_RENAME: Final = "UPDATE projects SET name = ? WHERE project_id = ?"
_MOVE_SESSIONS: Final = "UPDATE session_projects SET project_id = ? WHERE project_id = ?"
_COUNT_SESSIONS: Final = "SELECT count(*) FROM session_projects WHERE project_id = ?"
_FIND_SESSION: Final = "SELECT project_id FROM session_projects WHERE session_id = ?"
_LIST_SESSIONS: Final = """
    SELECT session_id, project_id FROM session_projects WHERE session_id IN carray(?)
"""
_BINDINGS: Final = """
    SELECT s.session_id, p.identity, p.name, p.created_us
    FROM session_projects AS s JOIN projects AS p ON p.project_id = s.project_id
    WHERE :after IS NULL OR s.session_id > :after ORDER BY s.session_id LIMIT :limit
"""
_BIND: Final = """
    INSERT INTO session_projects (session_id, project_id) VALUES (?, ?)
    ON CONFLICT (session_id) DO UPDATE SET project_id = excluded.project_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProject:
    """A project of this file."""

    project_id: int
    identity: str
    name: str
    created_us: int
    merged_into: int | None = None  # the project that it is a part of now


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionBinding:
    """A session and the project that it belongs to, as another file may know it."""

    session_id: int  # signed
    identity: str
    name: str
    created_us: int


def list_bindings(reader: apsw.Connection, after: int | None, limit: int) -> list[SessionBinding]:
    """Return sessions beyond a signed number (None: from the first), by their numbers."""
    return [
        SessionBinding(session_id=number, identity=identity, name=name, created_us=us)
        for number, identity, name, us in reader.execute(
            _BINDINGS, {"after": after, "limit": limit}
        )
    ]


def find_project_id(reader: apsw.Connection, identity: str) -> int | None:
    """Return the number of a project, or None when the file has never seen it."""
    found = reader.execute(_FIND, (identity,)).get
    return None if found is None else int(found)


def find_project_named(reader: apsw.Connection, name: str) -> int | None:
    """Return the number of the first project of that name, or None."""
    found = reader.execute(_NAMED, (name,)).get
    return None if found is None else int(found)


def insert_project(connection: apsw.Connection, *, identity: str, name: str, now_us: int) -> int:
    """Return the project's number, giving it one when it is new.

    Raises:
        StorageError: All 65,535 numbers are taken.
    """
    known = find_project_id(connection, identity)
    if known is not None:
        return known
    project_id = int(connection.execute(_NEXT).get)
    if project_id > U16_MAX:
        raise StorageError(
            "cannot add a project", why=f"a file holds {U16_MAX} at most", mend="merge some"
        )
    connection.execute(_INSERT, (project_id, identity, name, now_us))
    return project_id


def list_projects(reader: apsw.Connection, limit: int) -> list[StoredProject]:
    """Return at most ``limit`` projects in the order of their numbers, merged ones too."""
    return [
        StoredProject(
            project_id=number, identity=identity, name=name, created_us=us, merged_into=merged
        )
        for number, identity, name, us, merged in reader.execute(_LIST, (limit,))
    ]


def find_session_project(reader: apsw.Connection, session_id: int) -> int:
    """Return the project that an unsigned session id is bound to, 0 when none."""
    return int(reader.execute(_FIND_SESSION, (to_signed(session_id),)).get or 0)


def list_session_projects(reader: apsw.Connection, session_ids: set[int]) -> dict[int, int]:
    """Return signed session id -> project for those that are bound."""
    if not session_ids:
        return {}
    return dict(reader.execute(_LIST_SESSIONS, (int_array(session_ids),)))


def update_session_project(connection: apsw.Connection, session_id: int, project_id: int) -> None:
    """Bind an unsigned session id to a project."""
    connection.execute(_BIND, (to_signed(session_id), project_id))


def update_merged(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Let the identity of a project, and those merged into it, lead to another from now on."""
    connection.execute(_MERGE, {"source": source_id, "target": target_id})


def update_name(connection: apsw.Connection, project_id: int, name: str) -> None:
    """Call a project something else."""
    connection.execute(_RENAME, (name, project_id))


def move_sessions(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Bind the sessions of a project to another."""
    connection.execute(_MOVE_SESSIONS, (target_id, source_id))


def count_project_sessions(reader: apsw.Connection, project_id: int) -> int:
    """Return how many sessions are bound to a project."""
    return int(reader.execute(_COUNT_SESSIONS, (project_id,)).get)
