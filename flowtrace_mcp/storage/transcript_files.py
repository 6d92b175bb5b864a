"""How far the session files of agents have been read, and which trace a call in them is of."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import apsw

from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE transcript_files (
        path TEXT PRIMARY KEY,
        head INTEGER NOT NULL,
        size_bytes INTEGER NOT NULL,
        offset_bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE transcript_calls (
        span_id INTEGER PRIMARY KEY,
        trace_id_low INTEGER NOT NULL
    ) STRICT;
"""
_FIND: Final = "SELECT head, size_bytes, offset_bytes FROM transcript_files WHERE path = ?"
_SET: Final = """
    INSERT INTO transcript_files (path, head, size_bytes, offset_bytes) VALUES (?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET
        head = excluded.head, size_bytes = excluded.size_bytes, offset_bytes = excluded.offset_bytes
"""
_OWNERS: Final = "SELECT span_id, trace_id_low FROM transcript_calls WHERE span_id IN carray(?)"
_OWN: Final = "INSERT INTO transcript_calls (span_id, trace_id_low)"
_AT_FIRST: Final = "ON CONFLICT (span_id) DO NOTHING"


class ReadFile(NamedTuple):
    """How far a file has been read."""

    head: int  # of its beginning, by which it is told from another of that name
    size_bytes: int  # when it was read last
    offset_bytes: int  # where the next reading begins


def find_file(reader: apsw.Connection, path: str) -> ReadFile | None:
    """Return how far a file was read, None when it never was."""
    row = reader.execute(_FIND, (path,)).fetchone()
    return None if row is None else ReadFile(*row)


def set_file(connection: apsw.Connection, path: str, read: ReadFile) -> None:
    """Note how far a file has been read."""
    connection.execute(_SET, (path, *read))


def list_owners(reader: apsw.Connection, calls: Mapping[int, int]) -> dict[int, int]:
    """Return span -> trace of those calls that a file told before; signed lower halves."""
    return {int(span): int(trace) for span, trace in reader.execute(_OWNERS, (int_array(calls),))}


def insert_owners(connection: apsw.Connection, calls: Mapping[int, int]) -> None:
    """Note of which trace calls are; who told a call first keeps it."""
    insert_rows(connection, _OWN, list(calls.items()), _AT_FIRST)
