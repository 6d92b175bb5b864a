"""Who read, exported, deleted or changed a key, and when; what it was stays out of it."""

from collections.abc import Sequence
from typing import Final

import apsw
import msgspec

CREATE: Final = """
    CREATE TABLE audit (
        entry_id INTEGER PRIMARY KEY AUTOINCREMENT,
        at_us INTEGER NOT NULL,
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        what TEXT NOT NULL,
        status INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX audit_by_time ON audit (at_us);
"""
_INSERT: Final = "INSERT INTO audit (at_us, who, action, what, status) VALUES (?, ?, ?, ?, ?)"
_LIST: Final = """
    SELECT entry_id, at_us, who, action, what, status FROM audit
    WHERE entry_id < ? AND at_us >= ? ORDER BY entry_id DESC LIMIT ?
"""
_COUNTS: Final = """
    SELECT who, action, count(*) FROM audit WHERE at_us >= ?
    GROUP BY who, action ORDER BY who, action LIMIT ?
"""
_ALL_ROWS: Final = "SELECT entry_id, at_us, who, action, what, status FROM audit ORDER BY entry_id"
_DELETE_ALL: Final = "DELETE FROM audit"
_INSERT_ROW: Final = """
    INSERT INTO audit (entry_id, at_us, who, action, what, status) VALUES (?, ?, ?, ?, ?, ?)
"""
# The oldest make room.
_TRIM: Final = """
    DELETE FROM audit WHERE entry_id <= (SELECT max(entry_id) FROM audit) - ?
"""
ENTRIES_KEPT: Final = 100_000
COUNTS_LIMIT: Final = 1000


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that somebody did.

    Attributes:
        who: ``key:<id>``, ``token``, ``cli``, ``mcp`` or ``open`` (no token was needed).
        action: read, write, delete, export, backup, key.
        what: The route or command, never what was in it.
        status: Of HTTP; 0 where there is none.
    """

    at_us: int
    who: str
    action: str
    what: str
    status: int = 0
    entry_id: int = 0


def insert_entries(connection: apsw.Connection, entries: Sequence[AuditEntry]) -> None:
    """Keep entries, the newest ``ENTRIES_KEPT`` of all."""
    connection.executemany(
        _INSERT, [(one.at_us, one.who, one.action, one.what, one.status) for one in entries]
    )
    connection.execute(_TRIM, (ENTRIES_KEPT,))


def list_entries(
    reader: apsw.Connection, below_id: int, since_us: int, limit: int
) -> list[AuditEntry]:
    """Return entries newest first, those with a smaller number."""
    return [
        AuditEntry(entry_id=entry, at_us=us, who=who, action=action, what=what, status=status)
        for entry, us, who, action, what, status in reader.execute(
            _LIST, (below_id, since_us, limit)
        )
    ]


def count_entries(reader: apsw.Connection, since_us: int) -> list[tuple[str, str, int]]:
    """Return (who, action, how often) since a time."""
    return list(reader.execute(_COUNTS, (since_us, COUNTS_LIMIT)))


def carry_entries(source: apsw.Connection, target: apsw.Connection) -> None:
    """Let a file have the entries of another and none of its own: nothing done is undone."""
    rows = list(source.execute(_ALL_ROWS))
    target.execute(_DELETE_ALL)
    target.executemany(_INSERT_ROW, rows)
