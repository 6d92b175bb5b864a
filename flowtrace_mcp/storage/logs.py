"""OpenTelemetry log records and events; a record that is sent twice is kept once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from flowtrace_mcp.model.forwarding import Signal
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.storage.arrivals import Place, note_arrivals
from flowtrace_mcp.storage.compression import decompress
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE logs (
        digest INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        trace_id INTEGER NOT NULL,
        span_id INTEGER NOT NULL,
        session_id INTEGER NOT NULL,
        event_id INTEGER NOT NULL,
        resource_id INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX logs_by_resource ON logs (resource_id);
    CREATE INDEX logs_by_time ON logs (time_us);
    CREATE INDEX logs_by_trace ON logs (trace_id, time_us) WHERE trace_id <> 0;
    CREATE INDEX logs_by_session ON logs (session_id, time_us) WHERE session_id <> 0;
"""
_INSERT: Final = (
    "INSERT INTO logs (digest, time_us, trace_id, span_id, session_id, event_id, resource_id, data)"
)
_ONCE: Final = "ON CONFLICT (digest) DO NOTHING"
_SELECT: Final = "SELECT digest, time_us, trace_id, span_id, session_id, event_id, data FROM logs"
_AFTER: Final = "(time_us, digest) > (?, ?) ORDER BY time_us, digest LIMIT ?"
_OF_TRACE: Final = f"{_SELECT} WHERE trace_id = ? AND trace_id <> 0 AND {_AFTER}"
_OF_SESSION: Final = f"{_SELECT} WHERE session_id = ? AND session_id <> 0 AND {_AFTER}"
_ALL: Final = f"{_SELECT} WHERE {_AFTER}"
_EVENTS_OF_TRACE: Final = f"""
    {_SELECT} WHERE trace_id = ? AND trace_id <> 0 AND event_id IN carray(?)
    ORDER BY time_us, digest LIMIT ?
"""
_EVENTS_OF_SESSION: Final = f"""
    {_SELECT} WHERE session_id = ? AND session_id <> 0 AND time_us >= ? AND time_us < ?
        AND event_id IN carray(?)
    ORDER BY time_us DESC, digest LIMIT ?
"""
_DIGESTS_OF_TRACE: Final = """
    SELECT digest FROM logs WHERE trace_id = ? AND trace_id <> 0 ORDER BY time_us, digest LIMIT ?
"""
_STATE_OF_SESSION: Final = """
    SELECT count(*), max(time_us) FROM logs WHERE session_id = ? AND session_id <> 0
"""
_KNOWN: Final = "SELECT digest FROM logs WHERE digest IN carray(?)"
_PLACES: Final = f"SELECT time_us, digest FROM logs WHERE {_AFTER}"
_BY_DIGEST: Final = """
    SELECT data FROM logs WHERE digest IN carray(?) AND time_us >= ? ORDER BY time_us, digest
"""
_COUNT: Final = "SELECT count(*) FROM logs"

# digest, time, low trace id, span id, session, event name, resource; then the compressed record
LogRow = tuple[int, int, int, int, int, int, int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """A log record read back; ids are signed numbers, ``data`` its encoded whole."""

    digest: int
    time_us: int
    session_id: int
    event_id: int
    data: bytes


def insert_logs(connection: apsw.Connection, rows: Sequence[LogRow]) -> int:
    """Keep records not yet there; return how many were new."""
    note_arrivals(connection, Signal.LOGS, lambda: _new_places(connection, rows))
    before = connection.total_changes()
    insert_rows(connection, _INSERT, rows, _ONCE)
    return connection.total_changes() - before


def list_places(
    reader: apsw.Connection, after: tuple[int, int], limit: int
) -> list[tuple[int, int]]:
    """Return time and digest of the records after a place, in the order of both."""
    return list(reader.execute(_PLACES, (*after, limit)))


def list_by_digest(reader: apsw.Connection, digests: Sequence[int], since_us: int) -> list[bytes]:
    """Return those records of some digests that are there and not older, encoded, by time."""
    found = reader.execute(_BY_DIGEST, (int_array(digests), since_us))
    return [decompress(row[0]) for row in found]


def list_logs(
    reader: apsw.Connection,
    *,
    after: tuple[int, int],
    limit: int,
    trace_id: bytes = b"",
    session_id: int = 0,
) -> list[StoredLog]:
    """Return records oldest first: of a trace, else of a session, else all.

    Args:
        reader: A read connection.
        after: Time in microseconds and digest of the last record already seen.
        limit: At most so many.
        trace_id: 16 bytes, or empty.
        session_id: Unsigned, or 0.
    """
    tail: tuple[Any, ...] = (*after, limit)
    if trace_id:
        rows = reader.execute(_OF_TRACE, (_low_half(trace_id), *tail))
    elif session_id:
        rows = reader.execute(_OF_SESSION, (to_signed(session_id), *tail))
    else:
        rows = reader.execute(_ALL, tail)
    return [_stored(row) for row in rows]


def list_trace_events(
    reader: apsw.Connection, trace_id: bytes, events: Iterable[str], limit: int
) -> list[StoredLog]:
    """Return the records of a trace that have one of these event names, oldest first.

    Traces that share the lower half of an id are not told apart.
    """
    numbers = [to_signed(string_id(name)) for name in events]
    rows = reader.execute(_EVENTS_OF_TRACE, (_low_half(trace_id), int_array(numbers), limit))
    return [_stored(row) for row in rows]


def list_session_events(
    reader: apsw.Connection,
    session_id: int,
    events: Iterable[str],
    window_us: tuple[int, int],
    limit: int,
) -> list[StoredLog]:
    """Return the records of an unsigned session id in a window by event name, newest first."""
    numbers = [to_signed(string_id(name)) for name in events]
    values = (to_signed(session_id), *window_us, int_array(numbers), limit)
    return [_stored(row) for row in reader.execute(_EVENTS_OF_SESSION, values)]


def list_trace_digests(reader: apsw.Connection, trace_id: bytes, limit: int) -> list[int]:
    """Return the digests of a trace's records; an index alone answers it."""
    return [row[0] for row in reader.execute(_DIGESTS_OF_TRACE, (_low_half(trace_id), limit))]


def find_session_state(reader: apsw.Connection, session_id: int) -> tuple[int, int]:
    """Return how many records name an unsigned session id, and the latest one's time.

    An index alone answers it; both are 0 when there is none.
    """
    count, latest_us = next(reader.execute(_STATE_OF_SESSION, (to_signed(session_id),)))
    return int(count), int(latest_us or 0)


def _new_places(connection: apsw.Connection, rows: Sequence[LogRow]) -> list[Place]:
    times = {row[0]: row[1] for row in reversed(rows)}  # of equal ones the first is kept
    known = {row[0] for row in connection.execute(_KNOWN, (int_array(times),))}
    return [(time_us, digest) for digest, time_us in times.items() if digest not in known]


def count_logs(reader: apsw.Connection) -> int:
    """Return how many log records the file holds."""
    return int(reader.execute(_COUNT).get)


def _low_half(trace_id: bytes) -> int:
    return int.from_bytes(trace_id[8:], "big", signed=True)


def _stored(row: tuple[Any, ...]) -> StoredLog:
    return StoredLog(
        digest=row[0],
        time_us=row[1],
        session_id=row[4],
        event_id=row[5],
        data=decompress(row[6]),
    )
