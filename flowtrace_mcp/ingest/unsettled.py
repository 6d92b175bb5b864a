"""Traces whose stored sums are not the last word: only the whole trace tells what a call is.

A log event tells the cost of one of their calls, or two of their calls may be one, told twice.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, TypeVar

from flowtrace_mcp.ingest.event_names import CALL_EVENTS
from flowtrace_mcp.model.edge import EdgeFlag
from flowtrace_mcp.model.span_write import MODEL_CALL_TYPES, SpanWrite
from flowtrace_mcp.model.telemetry import LogRecord

# A trace is waited for while its spans and events come in; agents have a few at a time.
TRACES_KEPT: Final = 4096
# Of how many traces calls are compared, with how many, and by how many instrumentations: 10 MB.
CALL_TRACES_KEPT: Final = 1024
CALLS_KEPT: Final = 32
SCOPES_KEPT: Final = 8
_AGGREGATE: Final = int(EdgeFlag.AGGREGATE)

_V = TypeVar("_V")


@dataclass(slots=True)
class _Calls:
    """The model calls of a trace, as far as they came in."""

    scopes: dict[int, tuple[int, int]] = field(default_factory=dict)  # hash -> from when to when
    span_ids: set[bytes] = field(default_factory=set)
    parents: set[bytes] = field(default_factory=set)

    def add(self, calls: Sequence[SpanWrite]) -> bool:
        """Take calls in; say whether one of them may tell what another tells.

        Two views of one call come from two instrumentations at one time, or one runs under the
        other.
        """
        span_ids = {call.span_id for call in calls}
        parents = {call.parent_span_id for call in calls}
        nested = not (
            parents.isdisjoint(span_ids)
            and parents.isdisjoint(self.span_ids)
            and span_ids.isdisjoint(self.parents)
        )
        if len(self.span_ids) < CALLS_KEPT:
            self.span_ids |= set(islice(span_ids, CALLS_KEPT))
            self.parents |= set(islice(parents - {b""}, CALLS_KEPT))
        return self._has_two_scopes_at_once(calls) or nested

    def _has_two_scopes_at_once(self, calls: Sequence[SpanWrite]) -> bool:
        by_scope: dict[bytes, list[SpanWrite]] = {}
        for call in calls:
            by_scope.setdefault(call.scope, []).append(call)
        found = False
        for scope, group in by_scope.items():
            since_us = min([call.start_us for call in group])
            until_us = max([call.start_us + call.duration_us for call in group])
            own = hash(scope)
            found |= any(
                other != own and since_us < end_us and until_us > start_us
                for other, (start_us, end_us) in self.scopes.items()
            )
            if own in self.scopes or len(self.scopes) < SCOPES_KEPT:
                start_us, end_us = self.scopes.get(own, (since_us, until_us))
                self.scopes[own] = min(start_us, since_us), max(end_us, until_us)
        return found


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
        by_trace: dict[bytes, list[SpanWrite]] = {}
        for call in calls:
            by_trace.setdefault(call.trace_id, []).append(call)
        with self._lock:
            for trace_id, group in by_trace.items():
                known = self._calls.get(trace_id) or _Calls()
                _put(self._calls, trace_id, known, CALL_TRACES_KEPT)
                if known.add(group) or trace_id in self._told:
                    _put(self._waiting, trace_id, None, TRACES_KEPT)

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
