"""What was shown unasked in which session: hooks are processes of their own and share this."""

from collections.abc import Sequence
from typing import Final

import apsw

CREATE: Final = """
    CREATE TABLE shown_memories (
        session TEXT NOT NULL,
        memory_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        shown_us INTEGER NOT NULL,
        PRIMARY KEY (session, memory_key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX shown_memories_by_time ON shown_memories (shown_us);
    CREATE INDEX shown_memories_by_memory ON shown_memories (memory_key);
"""
# A session that was silent for so long starts afresh.
KEPT_US: Final = 30 * 86_400 * 1_000_000
SESSION_LIMIT: Final = 2000  # memories of one session; older ones may be shown again
_INSERT: Final = """
    INSERT INTO shown_memories (session, memory_key, shown_us) VALUES (?, ?, ?)
    ON CONFLICT (session, memory_key) DO UPDATE SET shown_us = excluded.shown_us
"""
_EXPIRE: Final = "DELETE FROM shown_memories WHERE shown_us < ?"
_FORGET: Final = "DELETE FROM shown_memories WHERE session = ?"
_LIST: Final = """
    SELECT memory_key FROM shown_memories WHERE session = ?
    ORDER BY shown_us DESC, memory_key DESC LIMIT ?
"""


def insert_shown(
    connection: apsw.Connection, session: str, keys: Sequence[int], now_us: int
) -> None:
    """Note that memories were shown; what is older than ``KEPT_US`` is dropped."""
    connection.execute(_EXPIRE, (now_us - KEPT_US,))
    connection.executemany(_INSERT, [(session, key, now_us) for key in keys])


def list_shown(reader: apsw.Connection, session: str) -> set[int]:
    """Return the keys of at most ``SESSION_LIMIT`` memories shown in a session, the latest."""
    return {row[0] for row in reader.execute(_LIST, (session, SESSION_LIMIT))}


def delete_shown(connection: apsw.Connection, session: str) -> None:
    """Let a session start afresh."""
    connection.execute(_FORGET, (session,))
