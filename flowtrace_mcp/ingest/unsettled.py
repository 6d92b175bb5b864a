"""Traces whose stored costs may not be the last word: a log event tells of one of their calls."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import Final

from flowtrace_mcp.ingest.call_events import CALL_EVENTS
from flowtrace_mcp.model.telemetry import LogRecord, SpanRecord

# A trace is waited for while its spans and events come in; agents have a few at a time.
TRACES_KEPT: Final = 4096


class UnsettledTraces:
    """Trace ids by what arrived; the oldest is forgotten first, and its lists stay as they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[bytes, None] = OrderedDict()  # by events, lately
        self._waiting: OrderedDict[bytes, None] = OrderedDict()

    def note_events(self, records: Iterable[LogRecord]) -> None:
        """Heed log records that are stored."""
        told = {one.trace_id for one in records if one.trace_id and one.event_name in CALL_EVENTS}
        with self._lock:
            for trace_id in told:
                _put(self._told, trace_id)
                _put(self._waiting, trace_id)

    def note_spans(self, records: Sequence[SpanRecord]) -> None:
        """Heed spans that are stored: their event may have come before them."""
        if not self._told:
            return
        with self._lock:
            for trace_id in {one.trace_id for one in records} & self._told.keys():
                _put(self._waiting, trace_id)

    def take(self, limit: int) -> list[bytes]:
        """Return at most so many traces to be settled, the longest waiting first."""
        with self._lock:
            count = min(limit, len(self._waiting))
            return [self._waiting.popitem(last=False)[0] for _ in range(count)]


def _put(kept: "OrderedDict[bytes, None]", trace_id: bytes) -> None:
    kept[trace_id] = None
    kept.move_to_end(trace_id)
    while len(kept) > TRACES_KEPT:
        kept.popitem(last=False)
