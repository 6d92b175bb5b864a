"""Which model call a log event tells of: agents tell the cost of a call in an event beside it."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from flowtrace_mcp.ingest.event_facts import EventFacts, event_facts_of
from flowtrace_mcp.ingest.span_facts import text
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import LogRecord, SpanRecord
from flowtrace_mcp.model.usage import TokenUsage

# The event is written as the span ends, the end of a span 0.3 and 1.3 ms after it when recorded.
# Counts of tokens that agree say more than clocks on a busy machine.
AGREEING_WINDOW_US: Final = 250_000
SILENT_WINDOW_US: Final = 2_000
# An agent has few calls that end together; so many are looked at of each event's neighbours.
_NEIGHBOURS: Final = 64


class CallEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that tells of a model call."""

    time_us: int
    span_id: bytes
    request_id: str
    facts: EventFacts


class CallSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A model call that an event may tell of."""

    span_id: bytes
    end_us: int
    request_id: str
    facts: SpanFacts


def call_event(record: LogRecord) -> CallEvent:
    """Return what a log record tells of a call."""
    return CallEvent(
        time_us=record.time_us,
        span_id=record.span_id,
        request_id=text(record.attributes.get("request_id")),
        facts=event_facts_of(record),
    )


def call_span(record: SpanRecord, facts: SpanFacts) -> CallSpan:
    """Return what is needed of a model call's span."""
    return CallSpan(
        span_id=record.span_id,
        end_us=record.start_us + record.duration_us,
        request_id=text(record.attributes.get("request_id")),
        facts=facts,
    )


def join_calls(
    calls: Iterable[CallSpan], events: Sequence[CallEvent]
) -> Mapping[bytes, EventFacts]:
    """Return span id -> the event that tells of it; a span has one event and an event one span.

    The request's id decides, or the span's own; Claude Code gives neither but the id of the span
    above. Then it is the call that ended at the event's time with the tokens that it tells.
    """
    by_end = sorted(calls, key=lambda call: (call.end_us, call.span_id))
    ends = [call.end_us for call in by_end]
    named = {call.span_id: call for call in by_end}
    requested = {call.request_id: call for call in by_end if call.request_id}
    pairs = []
    for number, event in enumerate(events):
        start = bisect_left(ends, event.time_us - AGREEING_WINDOW_US)
        near = by_end[start : start + _NEIGHBOURS]
        for call in (*near, named.get(event.span_id), requested.get(event.request_id)):
            distance = None if call is None else _distance(event, call)
            if call is not None and distance is not None:
                pairs.append((distance, number, call.span_id))
    joined: dict[bytes, EventFacts] = {}
    taken: set[int] = set()
    for _, number, span_id in sorted(pairs):
        if number not in taken and span_id not in joined:
            taken.add(number)
            joined[span_id] = events[number].facts
    return joined


def fuller_usage(own: TokenUsage | None, told: TokenUsage | None) -> TokenUsage | None:
    """Return a span's own counts, or those of its event where they say the same and more."""
    if own is None or told is None:
        return own or told
    return told if _known(told) > _known(own) else own


def _distance(event: CallEvent, call: CallSpan) -> int | None:
    """Return how far an event is from a call, in microseconds; None when it is of another."""
    if event.request_id and call.request_id:
        return 0 if event.request_id == call.request_id else None
    if event.span_id == call.span_id:
        return 0
    apart_us = abs(event.time_us - call.end_us)
    told, own = event.facts.usage, call.facts.usage
    if told is None or own is None:
        names = {name for name in (event.facts.model, call.facts.model) if name}
        return apart_us if apart_us <= SILENT_WINDOW_US and len(names) <= 1 else None
    return apart_us if apart_us <= AGREEING_WINDOW_US and _agree(own, told) else None


def _agree(own: TokenUsage, told: TokenUsage) -> bool:
    """Say whether two counts are of one call; Gemini's spans leave its thoughts out of output."""
    if own.input_total != told.input_total:
        return False
    return own.output in (told.output, (told.output or 0) - (told.reasoning or 0))


def _known(usage: TokenUsage) -> int:
    counts = (usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning)
    return sum(count is not None for count in counts)
