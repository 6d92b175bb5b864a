"""The journal of what was done to memories: numbers and places, never their words.

What is removed for good leaves nothing here, and a change can be taken back by what it says.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import apsw
import msgspec

from flowtrace_mcp.model.memory import ChangeAction
from flowtrace_mcp.model.text import storable

CREATE: Final = """
    CREATE TABLE memory_changes (
        change_id INTEGER PRIMARY KEY AUTOINCREMENT,
        project_id INTEGER NOT NULL,
        action TEXT NOT NULL,
        changed_us INTEGER NOT NULL,
        agent TEXT NOT NULL,
        session TEXT NOT NULL,
        effects TEXT NOT NULL,
        undone_us INTEGER
    ) STRICT;
    CREATE INDEX memory_changes_by_project ON memory_changes (project_id, change_id);
    CREATE INDEX memory_changes_in_force ON memory_changes (project_id, change_id)
        WHERE undone_us IS NULL;
"""
# So many changes of a project can be taken back.
KEPT_CHANGES: Final = 1000
_INSERT: Final = """
    INSERT INTO memory_changes (project_id, action, changed_us, agent, session, effects)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_PRUNE: Final = """
    DELETE FROM memory_changes WHERE project_id = :project AND change_id <= (
        SELECT change_id FROM memory_changes WHERE project_id = :project
        ORDER BY change_id DESC LIMIT 1 OFFSET :kept)
"""
_COLUMNS: Final = "change_id, action, changed_us, agent, session, effects, undone_us"
_LAST: Final = f"""
    SELECT {_COLUMNS} FROM memory_changes WHERE project_id = ? AND undone_us IS NULL
    AND change_id < ? ORDER BY change_id DESC LIMIT 1
"""
_NEXT_UNDONE: Final = f"""
    SELECT {_COLUMNS} FROM memory_changes
    WHERE project_id = ? AND change_id > ? ORDER BY change_id LIMIT 1
"""
_LAST_UNDONE: Final = f"""
    SELECT {_COLUMNS} FROM memory_changes
    WHERE project_id = ? AND undone_us IS NOT NULL ORDER BY change_id DESC LIMIT 1
"""
_MARK: Final = "UPDATE memory_changes SET undone_us = ? WHERE change_id = ?"
_DELETE: Final = "DELETE FROM memory_changes WHERE change_id = ?"
_MOVE: Final = "UPDATE memory_changes SET project_id = ? WHERE project_id = ?"


class Added(msgspec.Struct, frozen=True, array_like=True, tag="add"):
    """A memory was stored."""

    key: int


class Retired(msgspec.Struct, frozen=True, array_like=True, tag="retire"):
    """A memory was retired; why is told where the memory is."""

    key: int


class Merged(msgspec.Struct, frozen=True, array_like=True, tag="merge"):
    """The same text came again; places are those of rows in the memory's dated lists."""

    key: int
    tags: list[int]
    aliases: list[int]
    files: list[int]
    closed_files: list[int]


Effect: TypeAlias = Added | Retired | Merged


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeAuthor:
    """Whose change it is, as far as is known."""

    project_id: int
    agent: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One call that changed memories."""

    change_id: int
    action: ChangeAction
    changed_us: int
    agent: str
    session: str
    effects: tuple[Effect, ...]
    undone_us: int | None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(tuple[Effect, ...])


def insert_change(
    connection: apsw.Connection,
    author: ChangeAuthor,
    action: ChangeAction,
    effects: Sequence[Effect],
    now_us: int,
) -> None:
    """Write a change down, and let go of the project's oldest when there are many."""
    connection.execute(
        _INSERT,
        (
            author.project_id,
            action.value,
            now_us,
            storable(author.agent),
            storable(author.session),
            _encoder.encode(tuple(effects)).decode(),
        ),
    )
    connection.execute(_PRUNE, {"project": author.project_id, "kept": KEPT_CHANGES})


def find_last_change(
    reader: apsw.Connection, project_id: int, before_id: int = 2**62
) -> Change | None:
    """Return the newest change of a project that is in force, or None."""
    return _one(reader, _LAST, (project_id, before_id))


def find_next_undone(reader: apsw.Connection, project_id: int) -> Change | None:
    """Return the change that was taken back last and can be made again, or None.

    One that an unrelated change has followed cannot.
    """
    last = find_last_change(reader, project_id)
    return _one(reader, _NEXT_UNDONE, (project_id, last.change_id if last else 0))


def find_last_undone(reader: apsw.Connection, project_id: int) -> Change | None:
    """Return the newest change of a project that was taken back, or None."""
    return _one(reader, _LAST_UNDONE, (project_id,))


def update_undone(connection: apsw.Connection, change_id: int, undone_us: int | None) -> None:
    """Mark a change as taken back at a time, or (None) as in force."""
    connection.execute(_MARK, (undone_us, change_id))


def delete_change(connection: apsw.Connection, change_id: int) -> None:
    """Remove a change of which nothing is left."""
    connection.execute(_DELETE, (change_id,))


def update_changes_project(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Move the changes of a project to another."""
    connection.execute(_MOVE, (target_id, source_id))


def _one(reader: apsw.Connection, statement: str, values: tuple[int, ...]) -> Change | None:
    row = reader.execute(statement, values).fetchone()
    if row is None:
        return None
    return Change(
        change_id=row[0],
        action=ChangeAction(row[1]),
        changed_us=row[2],
        agent=row[3],
        session=row[4],
        effects=_decoder.decode(row[5]),
        undone_us=row[6],
    )
