"""Facts about the file itself."""

from typing import Final

import apsw

CREATE: Final = """
    CREATE TABLE migrations (
        version INTEGER PRIMARY KEY,
        applied_us INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE meta (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
"""
_GET: Final = "SELECT value FROM meta WHERE name = ?"
_SET: Final = """
    INSERT INTO meta (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
"""
_TAKE: Final = """
    INSERT INTO meta (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET
        value = CAST(CAST(value AS INTEGER) + CAST(excluded.value AS INTEGER) AS TEXT)
    RETURNING CAST(value AS INTEGER)
"""

DATA_FOLDER_ID: Final = "data_folder_id"
CLOCK: Final = "logical_clock"
CHANGE: Final = "change_id"  # of the last change of a trace's row
# Changes whenever a backup takes the place of the content; what was read before is stale then.
RESTORED: Final = "restored"


def find_meta(reader: apsw.Connection, name: str) -> str | None:
    """Return a fact about the file, or None."""
    value = reader.execute(_GET, (name,)).get
    return None if value is None else str(value)


def update_meta(connection: apsw.Connection, name: str, value: str) -> None:
    """Set a fact about the file."""
    connection.execute(_SET, (name, value))


def take_numbers(connection: apsw.Connection, name: str, count: int) -> int:
    """Return the first of some numbers that nobody has had; the last of them is the fact now."""
    return int(connection.execute(_TAKE, (name, str(count))).get) - count + 1
