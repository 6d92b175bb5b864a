"""What has arrived since forwarding began, in its order, and how far each endpoint has got.

Spans, log records and points lie by their own time, and some arrive days late. Where nothing is
forwarded nothing is noted.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import apsw
import msgspec

from flowtrace_mcp.model.forwarding import Forwarding, Signal

CREATE: Final = """
    CREATE TABLE arrivals (
        arrival_id INTEGER PRIMARY KEY AUTOINCREMENT,
        signal INTEGER NOT NULL,
        first_place INTEGER NOT NULL,
        last_place INTEGER NOT NULL,
        items BLOB NOT NULL
    ) STRICT;
    CREATE TABLE forwardings (
        endpoint TEXT PRIMARY KEY,
        arrival_id INTEGER NOT NULL,
        state BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
"""
_IS_FORWARDING: Final = "SELECT 1 FROM forwardings WHERE endpoint > '' LIMIT 1"
_INSERT: Final = """
    INSERT INTO arrivals (signal, first_place, last_place, items) VALUES (?, ?, ?, ?)
"""
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'arrivals'"
_LIST: Final = """
    SELECT arrival_id, signal, items FROM arrivals
    WHERE arrival_id > ? ORDER BY arrival_id LIMIT ?
"""
_BETWEEN: Final = """
    SELECT items FROM arrivals
    WHERE arrival_id > ? AND signal = ? AND first_place <= ? AND last_place >= ?
"""
_FORGET: Final = """
    DELETE FROM arrivals WHERE arrival_id <= (SELECT min(arrival_id) FROM forwardings)
"""
_SPAN_OF_IDS: Final = "SELECT coalesce(max(arrival_id) - min(arrival_id), 0) FROM arrivals"
_FIND: Final = "SELECT state FROM forwardings WHERE endpoint = ?"
_SET: Final = """
    INSERT INTO forwardings (endpoint, arrival_id, state) VALUES (?, ?, ?)
    ON CONFLICT (endpoint) DO UPDATE SET
        arrival_id = excluded.arrival_id, state = excluded.state
"""
_DELETE: Final = "DELETE FROM forwardings WHERE endpoint = ?"
_GIVE_UP: Final = ("DELETE FROM forwardings", "DELETE FROM arrivals")

# Batches that wait for endpoints; about 4 KB each. Who lags more begins again from the start.
ARRIVALS_LIMIT: Final = 50_000


# An item, after what orders it among its kind: a key stands for itself, a digest has a time.
Place: TypeAlias = tuple[int, int]


class Arrival(NamedTuple):
    """A batch: keys of edges, or digests of log records or points."""

    arrival_id: int
    signal: Signal
    items: Sequence[int]


def note_arrivals(
    connection: apsw.Connection, signal: Signal, list_items: Callable[[], Sequence[Place]]
) -> None:
    """Note what a batch brings, if anything is forwarded; else it is not even asked for."""
    if connection.execute(_IS_FORWARDING).get is None:
        return
    places = list_items()
    if not places:
        return
    items = struct.pack(f"<{len(places)}q", *(item for _, item in places))
    connection.execute(_INSERT, (int(signal), min(places)[0], max(places)[0], items))
    if int(connection.execute(_SPAN_OF_IDS).get) > ARRIVALS_LIMIT:
        for statement in _GIVE_UP:
            connection.execute(statement)


def list_arrivals(reader: apsw.Connection, after: int, limit: int) -> list[Arrival]:
    """Return arrivals after one, in their order."""
    return [
        Arrival(arrival_id, Signal(signal), _unpacked(items))
        for arrival_id, signal, items in reader.execute(_LIST, (after, limit))
    ]


def without_arrived(
    reader: apsw.Connection, after: int, signal: Signal, places: Sequence[Place]
) -> list[int]:
    """Return the items of a page, in order, but for those that arrived after an arrival.

    A batch is looked into only where it lies beside the page.
    """
    window = (places[-1][0], places[0][0])
    wanted = dict.fromkeys(item for _, item in places)
    for (items,) in reader.execute(_BETWEEN, (after, int(signal), *window)):
        for item in _unpacked(items):
            wanted.pop(item, None)
    return list(wanted)


def _unpacked(items: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(items) // 8}q", items)


def begin_forwarding(connection: apsw.Connection, endpoint: str, since_us: int) -> Forwarding:
    """Begin to forward to an endpoint, from the start."""
    last = int(connection.execute(_LAST).get or 0)
    began = Forwarding(endpoint=endpoint, since_us=since_us, first_arrival_id=last, arrival_id=last)
    set_forwarding(connection, began)
    return began


def find_forwarding(reader: apsw.Connection, endpoint: str) -> Forwarding | None:
    """Return the bookmark of an endpoint, or None."""
    state = reader.execute(_FIND, (endpoint,)).get
    return None if state is None else msgspec.msgpack.decode(state, type=Forwarding)


def set_forwarding(connection: apsw.Connection, forwarding: Forwarding) -> None:
    """Set the bookmark of an endpoint; arrivals that no endpoint needs go."""
    state = msgspec.msgpack.encode(forwarding)
    connection.execute(_SET, (forwarding.endpoint, forwarding.arrival_id, state))
    connection.execute(_FORGET)


def delete_forwarding(connection: apsw.Connection, endpoint: str) -> bool:
    """Forget an endpoint; say whether there was one of that name."""
    connection.execute(_DELETE, (endpoint,))
    was_there = connection.changes() > 0
    if connection.execute(_IS_FORWARDING).get is None:
        connection.execute(_GIVE_UP[1])
    return was_there
