"""Times in which a memory was retired before that was undone: ``as_of`` must not show it then."""

from typing import Final

import apsw

CREATE: Final = """
    CREATE TABLE memory_lapses (
        memory_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        from_us INTEGER NOT NULL,
        to_us INTEGER NOT NULL,
        reason TEXT NOT NULL,
        PRIMARY KEY (memory_key, from_us)
    ) STRICT, WITHOUT ROWID;
"""
LAPSES_LIMIT: Final = 500
_INSERT: Final = """
    INSERT INTO memory_lapses (memory_key, from_us, to_us, reason)
    SELECT memory_key, retracted_us, :now, retraction FROM memories
    WHERE memory_key = :key AND retracted_us < :now
    ON CONFLICT DO NOTHING
"""
_LIST: Final = """
    SELECT from_us, to_us, reason FROM memory_lapses WHERE memory_key = ?
    ORDER BY from_us LIMIT ?
"""

Lapse = tuple[int, int, str]


def insert_lapse(connection: apsw.Connection, key: int, now_us: int) -> None:
    """Keep the time in which a memory was retired, which ends now."""
    connection.execute(_INSERT, {"key": key, "now": now_us})


def list_lapses(reader: apsw.Connection, key: int) -> list[Lapse]:
    """Return (from, to, reason) of a memory's lapses, oldest first."""
    return list(reader.execute(_LIST, (key, LAPSES_LIMIT)))
