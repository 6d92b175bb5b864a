"""What is to be forwarded next, and how far it has come."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import apsw
from msgspec.structs import replace

from flowtrace_mcp.model.edge import unpack_edge
from flowtrace_mcp.model.forwarding import BEFORE_ALL, Forwarding, Signal
from flowtrace_mcp.storage import arrivals, edges, logs, metric_points, payloads
from flowtrace_mcp.storage.contents import ContentCache
from flowtrace_mcp.storage.database import Database

# With usual spans a request of less than 1 MiB.
BATCH_ITEMS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardBatch:
    """Items of one signal, and the bookmark once they are sent."""

    signal: Signal
    spans: Sequence[payloads.StoredPayload] = field(default_factory=list)
    records: Sequence[bytes] = field(default_factory=list)  # of logs or points, encoded
    then: Forwarding


class ForwardStore:
    """Bookmarks and batches of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = ContentCache()

    def find_forwarding(self, endpoint: str) -> Forwarding | None:
        """Return the bookmark of an endpoint, or None."""
        with self._database.reading() as reader:
            return arrivals.find_forwarding(reader, endpoint)

    def begin(self, endpoint: str, since_us: int) -> Forwarding:
        """Begin from the start; what arrives from now on is noted."""
        return self._database.write(lambda c: arrivals.begin_forwarding(c, endpoint, since_us))

    def update(self, forwarding: Forwarding) -> bool:
        """Set the bookmark, durably; say whether it is still there to be set."""

        def job(connection: apsw.Connection) -> bool:
            if arrivals.find_forwarding(connection, forwarding.endpoint) is None:
                return False
            arrivals.set_forwarding(connection, forwarding)
            return True

        return self._database.write(job)

    def delete(self, endpoint: str) -> bool:
        """Forget an endpoint; say whether there was one of that name."""
        return self._database.write(lambda c: arrivals.delete_forwarding(c, endpoint))

    def next_batch(self, forwarding: Forwarding) -> ForwardBatch | None:
        """Return what comes next, None when all that has arrived was sent.

        A batch may be empty: then only the bookmark goes on.
        """
        with self._database.snapshot() as reader:
            if not forwarding.is_following:
                return self._page(reader, forwarding)
            found = arrivals.list_arrivals(reader, forwarding.arrival_id, 1)
            if not found:
                return None
            arrival = found[0]
            then = replace(forwarding, arrival_id=arrival.arrival_id)
            return self._batch(reader, arrival.signal, arrival.items, then)

    def _page(self, reader: apsw.Connection, forwarding: Forwarding) -> ForwardBatch:
        """Return the next page of what was there in the beginning."""
        signal = Signal(forwarding.stage)
        places = _places(reader, forwarding)
        if not places:
            then = replace(forwarding, stage=signal + 1, after=(BEFORE_ALL, BEFORE_ALL))
            return ForwardBatch(signal=signal, then=then)
        began = forwarding.first_arrival_id
        items = arrivals.without_arrived(reader, began, signal, places)
        return self._batch(reader, signal, items, replace(forwarding, after=places[-1]))

    def _batch(
        self, reader: apsw.Connection, signal: Signal, items: Sequence[int], then: Forwarding
    ) -> ForwardBatch:
        since_us = then.since_us
        if signal == Signal.SPANS:
            kept = [key for key, start_us in _starts(reader, items) if start_us >= since_us]
            found = payloads.get_payloads(reader, kept, self._cache)
            spans = [found[key] for key in kept if key in found]
            return ForwardBatch(signal=signal, spans=spans, then=then)
        if signal == Signal.LOGS:
            records = logs.list_by_digest(reader, items, since_us)
        else:
            records = metric_points.list_by_digest(reader, items, since_us)
        return ForwardBatch(signal=signal, records=records, then=then)


def _places(reader: apsw.Connection, forwarding: Forwarding) -> list[tuple[int, int]]:
    """Return the next places of a stage: an order and an item, in the order of both."""
    after, since_us = forwarding.after, forwarding.since_us
    if forwarding.stage == Signal.SPANS:
        first = max(after[1] + 1, edges.first_key(since_us))
        return [(key, key) for key in edges.list_keys_from(reader, first, BATCH_ITEMS)]
    start = max(after, (since_us, BEFORE_ALL))
    if forwarding.stage == Signal.LOGS:
        return logs.list_places(reader, start, BATCH_ITEMS)
    return metric_points.list_places(reader, start, BATCH_ITEMS)


def _starts(reader: apsw.Connection, keys: Sequence[int]) -> list[tuple[int, int]]:
    found = edges.list_keyed_edges(reader, keys)
    return [(key, unpack_edge(record).timestamp_us) for key, record in found]
