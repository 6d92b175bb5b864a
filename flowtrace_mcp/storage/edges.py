"""Spans as 128-byte edges under a time-ordered key, with narrow indexes on integer ids."""

from collections.abc import Iterable, Sequence
from typing import Final

import apsw

from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE edges (
        edge_key INTEGER PRIMARY KEY,
        span_id INTEGER NOT NULL,
        trace_id INTEGER NOT NULL,
        session_id INTEGER NOT NULL,
        project_id INTEGER NOT NULL,
        edge BLOB NOT NULL CHECK (length(edge) = 128)
    ) STRICT;
    CREATE INDEX edges_by_span ON edges (span_id);
    CREATE INDEX edges_by_trace ON edges (trace_id);
    CREATE INDEX edges_by_session ON edges (session_id);
    CREATE INDEX edges_by_project ON edges (project_id);
    CREATE INDEX edges_with_ttl ON edges (edge_key) WHERE substr(edge, 119, 2) <> x'0000';
    CREATE INDEX edges_failed ON edges (edge_key) WHERE substr(edge, 113, 1) = x'02';
    CREATE INDEX edges_sensitive ON edges (project_id) WHERE substr(edge, 116, 1) <> x'00';
"""
_INSERT: Final = "INSERT INTO edges (edge_key, span_id, trace_id, session_id, project_id, edge)"
_SAME_SPANS: Final = "SELECT edge_key, edge FROM edges WHERE span_id IN carray(?)"
_SPANS_BETWEEN: Final = """
    SELECT edge FROM edges WHERE span_id BETWEEN ? AND ? ORDER BY edge_key DESC LIMIT ?
"""
_TAKEN: Final = "SELECT edge_key FROM edges WHERE edge_key IN carray(?)"
# The first number at or above a key that no edge has.
_GAP: Final = """
    SELECT CASE WHEN NOT EXISTS (SELECT 1 FROM edges WHERE edge_key = :key) THEN :key ELSE (
        SELECT edge_key + 1 FROM edges AS e
        WHERE edge_key >= :key
            AND NOT EXISTS (SELECT 1 FROM edges AS n WHERE n.edge_key = e.edge_key + 1)
        ORDER BY edge_key LIMIT 1) END
"""
_OF_TRACE: Final = """
    SELECT edge_key, edge FROM edges WHERE trace_id = ? ORDER BY edge_key LIMIT ?
"""
_LATEST_OF_TRACE: Final = """
    SELECT edge_key, edge FROM edges WHERE trace_id = ? ORDER BY edge_key DESC LIMIT 1
"""
_OF_SESSION: Final = """
    SELECT edge_key, edge FROM edges
    WHERE session_id = ? AND edge_key >= ? AND edge_key < ? ORDER BY edge_key DESC LIMIT ?
"""
_OF_PROJECT: Final = """
    SELECT edge_key, edge FROM edges
    WHERE project_id = ? AND edge_key >= ? AND edge_key < ? ORDER BY edge_key DESC LIMIT ?
"""
_RECENT: Final = """
    SELECT edge_key, edge FROM edges
    WHERE edge_key >= ? AND edge_key < ? ORDER BY edge_key DESC LIMIT ?
"""
_KEYS_FROM: Final = "SELECT edge_key FROM edges WHERE edge_key >= ? ORDER BY edge_key LIMIT ?"
_KEYED: Final = "SELECT edge_key, edge FROM edges WHERE edge_key IN carray(?) ORDER BY edge_key"
_COUNT_PROJECT: Final = "SELECT count(*) FROM edges WHERE project_id = ?"
_REBIND: Final = "UPDATE edges SET project_id = ?, edge = ? WHERE edge_key = ?"
_DELETE: Final = "DELETE FROM edges WHERE edge_key IN carray(?)"
_COUNT: Final = "SELECT count(*) FROM edges"
_FIRST: Final = "SELECT edge_key FROM edges ORDER BY edge_key LIMIT 1"
_LAST: Final = "SELECT edge_key FROM edges ORDER BY edge_key DESC LIMIT 1"

# A key is the start in microseconds and ten bits that make it unique.
KEY_BITS: Final = 10
_BITS: Final = (1 << KEY_BITS) - 1

EdgeRow = tuple[int, int, int, int, int, bytes]
KeyedEdge = tuple[int, bytes]


def first_key(start_us: int) -> int:
    """Return the smallest key of a span that starts at or after a time."""
    return start_us << KEY_BITS


def hour_of_key(key: int) -> int:
    """Return the start in microseconds of the hour in which a key lies."""
    start_us = key >> KEY_BITS
    return start_us - start_us % HOUR_US


def insert_edges(connection: apsw.Connection, rows: Sequence[EdgeRow]) -> None:
    """Insert rows (key, signed span id, signed low trace id, session, project, 128 bytes)."""
    insert_rows(connection, _INSERT, rows)


def free_keys(connection: apsw.Connection, starts: Sequence[tuple[int, int]]) -> list[int]:
    """Return an unused key for each (start in microseconds, signed span id), in order.

    Two spans that start in one microsecond differ in ten bits of their ids; should those be
    taken too, the next free number above serves: a key orders and means nothing else.
    """
    wished = [start_us << KEY_BITS | span_number & _BITS for start_us, span_number in starts]
    taken = {row[0] for row in connection.execute(_TAKEN, (int_array(wished),))}
    if not taken and len(set(wished)) == len(wished):  # nearly always
        return wished
    keys = []
    last: dict[int, int] = {}  # microsecond -> the key last found by looking for a gap
    for wish in wished:
        key = wish
        if key in taken:
            key = _next_free(connection, max(key, last.get(key >> KEY_BITS, 0)), taken)
            last[wish >> KEY_BITS] = key
        taken.add(key)
        keys.append(key)
    return keys


def _next_free(connection: apsw.Connection, key: int, taken: set[int]) -> int:
    while True:
        while key in taken:
            key += 1
        gap = int(connection.execute(_GAP, {"key": key}).get)
        if gap == key:
            return key
        key = gap


def list_same_spans(connection: apsw.Connection, numbers: Iterable[int]) -> list[KeyedEdge]:
    """Return the stored edges that share a signed span id with any given; traces may differ."""
    return list(connection.execute(_SAME_SPANS, (int_array(numbers),)))


def list_spans_between(
    reader: apsw.Connection, span_ids: tuple[int, int], limit: int
) -> list[bytes]:
    """Return edges whose signed span id lies between two, both included, newest first."""
    return [row[0] for row in reader.execute(_SPANS_BETWEEN, (*span_ids, limit))]


def list_trace_edges(reader: apsw.Connection, trace_id: bytes, limit: int) -> list[KeyedEdge]:
    """Return a trace's edges, oldest first, at most ``limit``."""
    low = int.from_bytes(trace_id[8:], "big", signed=True)
    high = trace_id[:8][::-1]  # the edge holds it little-endian
    return [row for row in reader.execute(_OF_TRACE, (low, limit)) if row[1][40:48] == high]


def find_latest_edge(reader: apsw.Connection, trace_id: bytes) -> KeyedEdge | None:
    """Return the edge of a trace that started last, or None."""
    low = int.from_bytes(trace_id[8:], "big", signed=True)
    row = reader.execute(_LATEST_OF_TRACE, (low,)).fetchone()
    return row if row and row[1][40:48] == trace_id[:8][::-1] else None


def list_session_edges(
    reader: apsw.Connection, session_id: int, window_us: tuple[int, int], limit: int
) -> list[KeyedEdge]:
    """Return edges of an unsigned session id in a window of starts, newest first."""
    since, until = (first_key(edge_us) for edge_us in window_us)
    return list(reader.execute(_OF_SESSION, (to_signed(session_id), since, until, limit)))


def list_project_edges(
    reader: apsw.Connection, project_id: int | None, window_us: tuple[int, int], limit: int
) -> list[KeyedEdge]:
    """Return edges of a project (None: of all) in a window of starts, newest first."""
    since, until = (first_key(edge_us) for edge_us in window_us)
    if project_id is None:
        return list(reader.execute(_RECENT, (since, until, limit)))
    return list(reader.execute(_OF_PROJECT, (project_id, since, until, limit)))


def find_first_and_last(reader: apsw.Connection) -> tuple[int, int] | None:
    """Return when the first and the last span started, in microseconds; None without any."""
    first = reader.execute(_FIRST).fetchone()
    last = reader.execute(_LAST).fetchone()
    if first is None or last is None:
        return None
    return first[0] >> KEY_BITS, last[0] >> KEY_BITS


def list_keys_from(reader: apsw.Connection, first: int, limit: int) -> list[int]:
    """Return keys from one on, in their order, at most ``limit``."""
    return [row[0] for row in reader.execute(_KEYS_FROM, (first, limit))]


def list_keyed_edges(reader: apsw.Connection, keys: Sequence[int]) -> list[KeyedEdge]:
    """Return those edges of some keys that are there, in the order of the keys."""
    return list(reader.execute(_KEYED, (int_array(keys),)))


def count_project_edges(reader: apsw.Connection, project_id: int) -> int:
    """Return how many spans a project has."""
    return int(reader.execute(_COUNT_PROJECT, (project_id,)).get)


def update_edge_project(
    connection: apsw.Connection, edge_key: int, project_id: int, edge: bytes
) -> None:
    """Move one edge to another project; ``edge`` already says so."""
    connection.execute(_REBIND, (project_id, edge, edge_key))


def delete_edges(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove edges by key."""
    connection.execute(_DELETE, (int_array(keys),))


def count_edges(reader: apsw.Connection) -> int:
    """Return how many spans the file holds."""
    return int(reader.execute(_COUNT).get)
