"""A stored trace read back with its meaning: spans, verdicts, sums."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from flowtrace_mcp.ingest.call_events import call_event, call_span, join_calls
from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.ingest.event_facts import EventFacts, event_facts_of
from flowtrace_mcp.ingest.event_names import CALL_EVENTS
from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.ingest.span_claims import may_have_hooks
from flowtrace_mcp.ingest.span_extras import (
    decode_resource,
    decode_scope,
    decode_span,
    span_extras,
)
from flowtrace_mcp.ingest.span_facts import facts_of
from flowtrace_mcp.ingest.trace_totals import (
    SpanVerdict,
    TraceIdentity,
    TraceTotals,
    identity_of,
    judge,
    total,
)
from flowtrace_mcp.ingest.trace_tree import TraceTree, trace_span
from flowtrace_mcp.model.edge import Edge
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import LogRecord, SpanExtras, SpanRecord
from flowtrace_mcp.services.call_costs import CallCost, settle_cost
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trace_hooks import TraceHooks, read_hooks, with_hooks
from flowtrace_mcp.storage.span_store import StoredSpan
from flowtrace_mcp.storage.traces import Page

ToolEvents: TypeAlias = Mapping[str, EventFacts]  # by call id

TOOL_EVENTS: Final = (
    "tool_decision",
    "tool_result",
    "claude_code.tool_decision",
    "claude_code.tool_result",
    "codex.tool_decision",
    "codex.tool_result",
    "gemini_cli.tool_call",
)
EVENTS_LIMIT: Final = 10_000
SESSION_TRACES_LIMIT: Final = 1000
_NO_EXTRAS: Final = SpanExtras()


class ReadSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One span of a trace: what was sent, what it means, what it is to the sums."""

    edge: Edge
    record: SpanRecord
    facts: SpanFacts  # with what events add, and with its cost
    verdict: SpanVerdict
    cost: CallCost

    def extras(self) -> SpanExtras:
        """Return events, links and the rest, decoded now where there are any."""
        if not self.record.event_count and not self.record.link_count:
            return _NO_EXTRAS
        return span_extras(self.record.raw, self.record.encoding)


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReading:
    """A whole trace; names are "" where no span says them."""

    trace_id: bytes
    session: str
    agent: str
    user: str
    service: str
    project_id: int
    totals: TraceTotals
    spans: Sequence[ReadSpan]  # by start
    tool_events: ToolEvents = field(default_factory=dict)
    hooks: TraceHooks = field(default_factory=TraceHooks)

    @property
    def start_us(self) -> int:
        """Return the earliest start."""
        return min(span.record.start_us for span in self.spans)

    @property
    def end_us(self) -> int:
        """Return the latest end."""
        return max(span.record.start_us + span.record.duration_us for span in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReading:
    """A session: its traces, newest first, and their sums."""

    session: str
    agent: str
    user: str
    project_id: int
    start_us: int
    end_us: int
    traces: Sequence[TraceReading]


# Few and shared by nearly all spans; a resource takes 10 us to decode.
_resource: Final = lru_cache(maxsize=256)(decode_resource)
_scope: Final = lru_cache(maxsize=256)(decode_scope)


def read_trace(
    context: Context, trace_id: bytes, *, at_new_prices: bool = False
) -> TraceReading | None:
    """Return a trace of 16-byte id, or None when no span of it is stored.

    Args:
        context: The means of the program.
        trace_id: 16 bytes.
        at_new_prices: Whether the stored costs of calls that have only a price are passed over.
    """
    stored = context.store.spans.list_trace_spans(trace_id)
    return reading_of(context, trace_id, stored, at_new_prices=at_new_prices) if stored else None


def reading_of(
    context: Context,
    trace_id: bytes,
    stored: Sequence[StoredSpan],
    *,
    at_new_prices: bool = False,
) -> TraceReading:
    """Return a trace of which all stored spans are given; see ``read_trace``."""
    decoded = [(one, decode_stored(one)) for one in stored]
    whole = [_Whole(one, *pair) for one, pair in decoded if pair is not None]
    return _reading(context, trace_id, whole, at_new_prices=at_new_prices)


def read_session(context: Context, session: str) -> SessionReading | None:
    """Return a session with its traces, or None when no span names it."""
    rollup = context.store.spans.find_session(session)
    if rollup is None:
        return None
    rows = context.store.spans.list_traces(Page(limit=SESSION_TRACES_LIMIT), session=session)
    readings = [read_trace(context, row.trace_id) for row in rows]
    traces = [reading for reading in readings if reading is not None]
    return SessionReading(
        session=session,
        agent=_first(trace.agent for trace in traces),
        user=_first(trace.user for trace in traces),
        project_id=rollup.project_id,
        start_us=rollup.start_us,
        end_us=rollup.end_us,
        traces=traces,
    )


def decode_stored(stored: StoredSpan) -> tuple[SpanRecord, SpanFacts] | None:
    """Return what was sent and what it means; None for a span without payload."""
    payload = stored.payload
    if payload is None:
        return None
    record = decode_span(
        payload.raw,
        payload.encoding,
        _resource(payload.resource),
        _scope(payload.scope),
    )
    return record, facts_of(record)


class _Whole(NamedTuple):
    """A stored span with all that was made of it alone."""

    stored: StoredSpan
    record: SpanRecord
    facts: SpanFacts


def _reading(
    context: Context, trace_id: bytes, whole: Sequence[_Whole], *, at_new_prices: bool
) -> TraceReading:
    judged = [trace_span(one.record, one.facts) for one in whole]
    tree = TraceTree(judged)
    verdicts = judge(tree)
    told = _told(context, trace_id, whole)
    kept = {} if at_new_prices else _stored_costs(whole)
    spans = _settled(context, whole, verdicts, told, kept)
    counted = [
        one if one.facts is span.facts else replace(one, facts=span.facts)
        for one, span in zip(judged, spans, strict=True)
    ]
    spans.sort(key=lambda span: (span.record.start_us, span.record.span_id))
    identity = identity_of(tree)
    hooks = _hooks(context, identity, spans, told)
    return TraceReading(
        trace_id=trace_id,
        session=identity.session,
        agent=identity.agent,
        user=identity.user,
        service=_first(span.record.resource.service_name for span in spans),
        project_id=next((span.edge.project_id for span in spans if span.edge.project_id), 0),
        totals=total(counted, verdicts),
        spans=spans,
        tool_events=with_hooks(_tool_events(told), hooks),
        hooks=hooks,
    )


def _settled(
    context: Context,
    whole: Sequence[_Whole],
    verdicts: Mapping[bytes, SpanVerdict],
    told: Sequence[LogRecord],
    kept: Mapping[bytes, float | None],
) -> list[ReadSpan]:
    """Return the spans with what events say of them, and with their costs."""
    context.prices.refresh()
    calls = [one for one in whole if verdicts[one.record.span_id].counts]
    calls = [one for one in calls if one.facts.operation in MODEL_CALLS]
    events = join_calls(
        [call_span(one.record, one.facts) for one in calls],
        [call_event(record) for record in told if record.event_name in CALL_EVENTS],
    )
    spans = []
    for stored, record, facts in whole:
        verdict = verdicts[record.span_id]
        told_of, kept_usd = events.get(record.span_id), kept.get(record.span_id)
        settled, cost = settle_cost(facts, verdict, told_of, kept_usd, context.prices)
        spans.append(
            ReadSpan(edge=stored.edge, record=record, facts=settled, verdict=verdict, cost=cost)
        )
    return spans


def _stored_costs(whole: Sequence[_Whole]) -> dict[bytes, float | None]:
    """Return what was stored of costs when spans arrived or were settled, by span id."""
    return {one.record.span_id: one.stored.usage.cost_usd for one in whole if one.stored.usage}


def _hooks(
    context: Context, identity: TraceIdentity, spans: Sequence[ReadSpan], told: Sequence[LogRecord]
) -> TraceHooks:
    """Return what hooks told of a trace, if its agent has hooks at all."""
    records = [span.record for span in spans]
    if not identity.session or not any(may_have_hooks(each.scope.name) for each in records):
        return TraceHooks()
    turn = identity.turn or _first(event_facts_of(record).turn for record in told)
    window_us = (
        min(record.start_us for record in records),
        max(record.start_us + record.duration_us for record in records),
    )
    return read_hooks(context, identity.session, turn, window_us)


def _told(context: Context, trace_id: bytes, whole: Sequence[_Whole]) -> list[LogRecord]:
    """Return the log events of a trace that tell of model calls and tools, if it has such.

    Coding agents keep arguments, results and costs out of spans, and tell them in events.
    """
    facts = [one.facts for one in whole]
    if not any(each.tool_call_id or each.operation in MODEL_CALLS for each in facts):
        return []
    found = context.store.list_trace_events(trace_id, TOOL_EVENTS + CALL_EVENTS, EVENTS_LIMIT)
    records = [read_log(one.data) for one in found]
    return [record for record in records if record.trace_id == trace_id]


def _tool_events(told: Sequence[LogRecord]) -> ToolEvents:
    """Return what events say of tools, by call id.

    The last event of a call is the one that knows most: a decision comes before the result.
    """
    facts = [event_facts_of(record) for record in told if record.event_name in TOOL_EVENTS]
    return {each.tool_call_id: each for each in facts if each.tool_call_id}


def _first(names: Iterable[str]) -> str:
    return next((name for name in names if name), "")
