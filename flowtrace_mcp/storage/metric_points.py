"""OpenTelemetry metric points; a point that is sent twice is kept once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import apsw

from flowtrace_mcp.model.forwarding import Signal
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage.arrivals import Place, note_arrivals
from flowtrace_mcp.storage.compression import decompress
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE metric_points (
        digest INTEGER PRIMARY KEY,
        time_us INTEGER NOT NULL,
        name_id INTEGER NOT NULL,
        service_id INTEGER NOT NULL,
        session_id INTEGER NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX metric_points_by_name ON metric_points (name_id, time_us);
    CREATE INDEX metric_points_by_service ON metric_points (service_id, time_us);
    CREATE INDEX metric_points_by_session ON metric_points (session_id, time_us)
        WHERE session_id <> 0;
    CREATE INDEX metric_points_by_time ON metric_points (time_us);
"""
_INSERT: Final = (
    "INSERT INTO metric_points (digest, time_us, name_id, service_id, session_id, data)"
)
_ONCE: Final = "ON CONFLICT (digest) DO NOTHING"
_SELECT: Final = "SELECT digest, time_us, data FROM metric_points"
_AFTER: Final = "(time_us, digest) > (?, ?) ORDER BY time_us, digest LIMIT ?"
_NAMED: Final = f"{_SELECT} WHERE name_id = ? AND {_AFTER}"
_OF_SERVICE: Final = f"{_SELECT} WHERE service_id = ? AND {_AFTER}"
_BOTH: Final = f"{_SELECT} WHERE name_id = ? AND service_id = ? AND {_AFTER}"
# A session has few points: those of other names and services are passed over one by one.
_OF_SESSION: Final = f"""
    {_SELECT} WHERE session_id = ? AND session_id <> 0
    AND (? = 0 OR name_id = ?) AND (? = 0 OR service_id = ?) AND {_AFTER}
"""
_ALL: Final = f"{_SELECT} WHERE {_AFTER}"
_KNOWN: Final = "SELECT digest FROM metric_points WHERE digest IN carray(?)"
_PLACES: Final = f"SELECT time_us, digest FROM metric_points WHERE {_AFTER}"
_BY_DIGEST: Final = """
    SELECT data FROM metric_points WHERE digest IN carray(?) AND time_us >= ? ORDER BY time_us, digest
"""
_COUNT: Final = "SELECT count(*) FROM metric_points"

# digest, time, name, service, session; then the compressed point
MetricRow = tuple[int, int, int, int, int, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPoint:
    """A metric point read back; ``data`` is its encoded whole."""

    digest: int
    time_us: int
    data: bytes


def insert_points(connection: apsw.Connection, rows: Sequence[MetricRow]) -> int:
    """Keep points not yet there; return how many were new."""
    note_arrivals(connection, Signal.POINTS, lambda: _new_places(connection, rows))
    before = connection.total_changes()
    insert_rows(connection, _INSERT, rows, _ONCE)
    return connection.total_changes() - before


def list_places(
    reader: apsw.Connection, after: tuple[int, int], limit: int
) -> list[tuple[int, int]]:
    """Return time and digest of the points after a place, in the order of both."""
    return list(reader.execute(_PLACES, (*after, limit)))


def list_by_digest(reader: apsw.Connection, digests: Sequence[int], since_us: int) -> list[bytes]:
    """Return those points of some digests that are there and not older, encoded, by time."""
    found = reader.execute(_BY_DIGEST, (int_array(digests), since_us))
    return [decompress(row[0]) for row in found]


def list_points(
    reader: apsw.Connection,
    *,
    after: tuple[int, int],
    limit: int,
    name_id: int = 0,
    service_id: int = 0,
    session_id: int = 0,
) -> list[StoredPoint]:
    """Return points oldest first, by name, service and session (unsigned numbers, 0 = any).

    Args:
        reader: A read connection.
        after: Time in microseconds and digest of the last point already seen.
        limit: At most so many.
        name_id: Dictionary number of the metric's name.
        service_id: Dictionary number of the service's name.
        session_id: Dictionary number of the session.
    """
    tail: tuple[Any, ...] = (*after, limit)
    named, served = to_signed(name_id), to_signed(service_id)
    if session_id:
        about = (to_signed(session_id), named, named, served, served)
        rows = reader.execute(_OF_SESSION, (*about, *tail))
    elif name_id and service_id:
        rows = reader.execute(_BOTH, (named, served, *tail))
    elif name_id:
        rows = reader.execute(_NAMED, (named, *tail))
    elif service_id:
        rows = reader.execute(_OF_SERVICE, (served, *tail))
    else:
        rows = reader.execute(_ALL, tail)
    return [StoredPoint(digest=row[0], time_us=row[1], data=decompress(row[2])) for row in rows]


def _new_places(connection: apsw.Connection, rows: Sequence[MetricRow]) -> list[Place]:
    times = {row[0]: row[1] for row in reversed(rows)}  # of equal ones the first is kept
    known = {row[0] for row in connection.execute(_KNOWN, (int_array(times),))}
    return [(time_us, digest) for digest, time_us in times.items() if digest not in known]


def count_points(reader: apsw.Connection) -> int:
    """Return how many metric points the file holds."""
    return int(reader.execute(_COUNT).get)
