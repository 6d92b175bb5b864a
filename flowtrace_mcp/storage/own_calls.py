"""Calls of our own MCP server whose agent may yet tell of them."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import apsw

from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE TABLE own_calls (
        call_id INTEGER PRIMARY KEY,
        end_us INTEGER NOT NULL,
        authority INTEGER NOT NULL,
        call BLOB NOT NULL
    ) STRICT;
"""
_INSERT: Final = """
    INSERT INTO own_calls (call_id, end_us, authority, call) VALUES (?, ?, ?, ?)
    ON CONFLICT (call_id) DO UPDATE SET authority = excluded.authority
"""
_LIST: Final = """
    SELECT call_id, end_us, authority, call FROM own_calls ORDER BY end_us, call_id LIMIT ?
"""
_DELETE: Final = "DELETE FROM own_calls WHERE call_id IN carray(?)"
# What a busy agent calls in the time that its telemetry takes; more is left where it stands.
CALLS_LIMIT: Final = 1000


class WaitingCall(NamedTuple):
    """A call that waits, and the authority of the span that it was last put under; 0 = none."""

    call_id: int
    end_us: int
    authority: int
    call: bytes  # encoded


def insert_waiting(connection: apsw.Connection, calls: Sequence[WaitingCall]) -> None:
    """Keep calls; of one that is known only the authority is new."""
    connection.executemany(_INSERT, calls)


def list_waiting(reader: apsw.Connection) -> list[WaitingCall]:
    """Return the calls that wait, oldest first, at most ``CALLS_LIMIT``."""
    return [WaitingCall._make(row) for row in reader.execute(_LIST, (CALLS_LIMIT,))]


def delete_waiting(connection: apsw.Connection, call_ids: Sequence[int]) -> None:
    """Forget calls by id."""
    connection.execute(_DELETE, (int_array(call_ids),))
