"""Traces whose stored sums are not the last word: only the whole trace tells what a call is.

A log event tells the cost of one of their calls, or two of their calls may be one, told twice.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from flowtrace_mcp.ingest.call_events import CALL_EVENTS
from flowtrace_mcp.model.edge import EdgeFlag
from flowtrace_mcp.model.span_write import MODEL_CALL_TYPES, SpanWrite
from flowtrace_mcp.model.telemetry import LogRecord

# A trace is waited for while its spans and events come in; agents have a few at a time.
TRACES_KEPT: Final = 4096
# Of how many traces calls are compared, with how many, and by how many instrumentations: 4 MB.
CALL_TRACES_KEPT: Final = 1024
CALLS_KEPT: Final = 16
SCOPES_KEPT: Final = 8
_AGGREGATE: Final = int(EdgeFlag.AGGREGATE)

_V = TypeVar("_V")


@dataclass(slots=True)
class _Calls:
    """The model calls of a trace, as far as they came in."""

    scopes: dict[int, tuple[int, int]] = field(default_factory=dict)  # hash -> from when to when
    span_ids: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    parents: OrderedDict[bytes, None] = field(default_factory=OrderedDict)

    def adds_a_view(self, call: SpanWrite) -> bool:
        """Take a call in; say whether it may tell one again that is here already.

        Two views of one call come from two instrumentations at one time, or one runs under the
        other.
        """
        start_us, end_us = call.start_us, call.start_us + call.duration_us
        own_scope = hash(call.scope)
        is_view = call.parent_span_id in self.span_ids or call.span_id in self.parents
        for scope, (since_us, until_us) in self.scopes.items():
            is_view |= scope != own_scope and start_us < until_us and end_us > since_us
        since_us, until_us = self.scopes.get(own_scope, (start_us, end_us))
        if own_scope in self.scopes or len(self.scopes) < SCOPES_KEPT:
            self.scopes[own_scope] = min(since_us, start_us), max(until_us, end_us)
        _put(self.span_ids, call.span_id, None, CALLS_KEPT)
        if call.parent_span_id:
            _put(self.parents, call.parent_span_id, None, CALLS_KEPT)
        return is_view


class UnsettledTraces:
    """Trace ids by what arrived; the oldest is forgotten first, and its sums stay as they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: OrderedDict[bytes, None] = OrderedDict()  # by events, lately
        self._calls: OrderedDict[bytes, _Calls] = OrderedDict()
        self._waiting: OrderedDict[bytes, None] = OrderedDict()

    def note_events(self, records: Iterable[LogRecord]) -> None:
        """Heed log records that are stored."""
        told = {one.trace_id for one in records if one.trace_id and one.event_name in CALL_EVENTS}
        with self._lock:
            for trace_id in told:
                _put(self._told, trace_id, None, TRACES_KEPT)
                _put(self._waiting, trace_id, None, TRACES_KEPT)

    def note_calls(self, calls: Sequence[SpanWrite]) -> None:
        """Heed model calls that are stored, see ``model_calls``."""
        with self._lock:
            for call in calls:
                known = self._calls.get(call.trace_id) or _Calls()
                _put(self._calls, call.trace_id, known, CALL_TRACES_KEPT)
                if known.adds_a_view(call) or call.trace_id in self._told:
                    _put(self._waiting, call.trace_id, None, TRACES_KEPT)

    def take(self) -> bytes | None:
        """Return the trace that waits longest to be settled; it waits no more."""
        with self._lock:
            return self._waiting.popitem(last=False)[0] if self._waiting else None


def model_calls(writes: Iterable[SpanWrite]) -> list[SpanWrite]:
    """Return those spans that are calls to a model."""
    return [
        one for one in writes if one.span_type in MODEL_CALL_TYPES and not one.flags & _AGGREGATE
    ]


def _put(kept: "OrderedDict[bytes, _V]", key: bytes, value: _V, most: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > most:
        kept.popitem(last=False)
