"""A batch of spans turned into rows and roll-up additions: no SQL here, only arithmetic."""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from flowtrace_mcp.model.edge import (
    EDGE_SCHEMA_VERSION,
    NO_PARENT,
    U32_MAX,
    Edge,
    EdgeFlag,
    SpanStatus,
    SpanType,
    pack_fields,
)
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.span_write import MODEL_CALL_TYPES, SpanWrite
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.contents import content_id
from flowtrace_mcp.storage.first_said import first_said
from flowtrace_mcp.storage.measures import sum_measures
from flowtrace_mcp.storage.payloads import PackedPayload, pack_payload
from flowtrace_mcp.storage.project_hours import HOUR_US, HourAddition
from flowtrace_mcp.storage.sessions import SessionRollup
from flowtrace_mcp.storage.traces import TraceRollup
from flowtrace_mcp.storage.usage import UsageRow

K = TypeVar("K", bound=Hashable)

_NO_USAGE = TokenUsage()
# Plain numbers: combining members of an enum costs a microsecond.
_PAYLOAD = int(EdgeFlag.PAYLOAD)
_AGGREGATE = int(EdgeFlag.AGGREGATE)


class PreparedSpan(msgspec.Struct, kw_only=True):
    """A span with everything computed that does not need the database."""

    write: SpanWrite
    payload: PackedPayload
    session_id: int  # unsigned
    agent_id: int
    measures: tuple[Any, ...]  # what it adds to the roll-ups, in the order of their columns
    gone_duration_us: int | None = None  # of the older version that it takes the place of


def prepare_spans(writes: Iterable[SpanWrite]) -> list[PreparedSpan]:
    """Hash, cut and compress; done on the caller's thread, before the write lock."""
    ids: dict[str, int] = {}
    contexts: dict[bytes, int] = {}

    def number(text: str) -> int:
        known = ids.get(text)
        if known is None:
            known = ids[text] = string_id(text)
        return known

    def context(data: bytes) -> int:
        known = contexts.get(data)
        if known is None:
            known = contexts[data] = content_id(data)
        return known

    return [
        PreparedSpan(
            write=write,
            payload=pack_payload(
                write.raw,
                write.encoding,
                write.long_values,
                (context(write.resource), context(write.scope)),
            ),
            session_id=number(write.session),
            agent_id=number(write.agent),
            measures=measures_of(
                write.span_type, write.status, write.flags, write.usage, write.cost_usd
            ),
        )
        for write in writes
    ]


def measures_of(
    span_type: int,
    status: int,
    flags: int,
    usage: TokenUsage | None,
    cost_usd: float | None,
) -> tuple[Any, ...]:
    """Return what one span adds to the roll-ups, in the order of their columns.

    An aggregate's usage is not summed.
    """
    is_aggregate = bool(flags & _AGGREGATE)
    tokens = _NO_USAGE if usage is None or is_aggregate else usage
    return (
        1,
        int(status == SpanStatus.ERROR),
        int(span_type in MODEL_CALL_TYPES and not is_aggregate),
        int(span_type == SpanType.TOOL_CALL),
        tokens.input,
        tokens.cache_read,
        tokens.cache_write,
        tokens.output,
        tokens.reasoning,
        None if is_aggregate else cost_usd,
    )


def grown_from(span: PreparedSpan, edge: Edge, held: tuple[Any, ...]) -> PreparedSpan | None:
    """Return the span with only what it adds to its older version in the roll-ups.

    Args:
        span: The newer version.
        edge: The older one.
        held: What the older one had added to the roll-ups.

    Returns:
        None where the roll-ups must be made again: the span has moved, shrunk or fallen silent.
    """
    write = span.write
    has_stayed = (
        (span.session_id, span.agent_id) == (edge.session_id, edge.agent_id)
        and write.start_us == edge.timestamp_us
        and write.duration_us >= edge.duration_us
    )
    pairs = list(zip(span.measures, held, strict=True))
    if not has_stayed or any(new is None and old is not None for new, old in pairs):
        return None
    added = tuple(None if new is None else new - (old or 0) for new, old in pairs)
    return msgspec.structs.replace(span, measures=added, gone_duration_us=edge.duration_us)


def in_causal_order(spans: Sequence[PreparedSpan]) -> list[PreparedSpan]:
    """Return the spans by start, but every parent of the batch before its children."""
    by_id = {(s.write.trace_id, s.write.span_id): s for s in spans}
    placed: dict[tuple[bytes, bytes], PreparedSpan] = {}
    for span in sorted(spans, key=lambda s: s.write.start_us):
        chain: list[PreparedSpan] = []
        on_chain: set[tuple[bytes, bytes]] = set()
        step: PreparedSpan | None = span
        while step is not None:
            key = (step.write.trace_id, step.write.span_id)
            if key in placed or key in on_chain:  # done, or a cycle of broken parents
                break
            on_chain.add(key)
            chain.append(step)
            step = by_id.get((step.write.trace_id, step.write.parent_span_id))
        for link in reversed(chain):
            placed[(link.write.trace_id, link.write.span_id)] = link
    return list(placed.values())


def edge_of(span: PreparedSpan, *, project_id: int, clock: int) -> bytes:
    """Return the 128 bytes of a span; counts beyond 32 bits are held at their limit."""
    write, usage = span.write, span.write.usage or _NO_USAGE
    low, parent = write.trace_id[8:], write.parent_span_id
    input_count, output_count = usage.input_total, usage.output or 0
    return pack_fields(
        (
            low + write.span_id,
            low + parent if parent else NO_PARENT,
            write.start_us,
            int.from_bytes(write.trace_id[:8], "big"),
            span.session_id,
            span.agent_id,
            0,  # tenant
            clock,
            write.duration_us,
            min(input_count, U32_MAX),
            min(output_count, U32_MAX),
            min(input_count + output_count, U32_MAX),
            write.confidence,
            write.sampling_rate,
            project_id,
            write.span_type,
            write.status,
            write.kind,
            write.environment,
            write.sensitivity,
            write.flags | _PAYLOAD,
            0,  # hours to live: for ever
            EDGE_SCHEMA_VERSION,
            write.parent_count or bool(parent),
            0,  # reserved
        )
    )


def usage_row(edge_key: int, write: SpanWrite) -> UsageRow | None:
    """Return the usage row of a span, or None when it says nothing of tokens or cost."""
    if write.usage is None and write.cost_usd is None:
        return None
    usage = write.usage or _NO_USAGE
    return (
        edge_key,
        to_signed(string_id(write.model)),
        to_signed(string_id(write.provider)),
        usage.input,
        usage.cache_read,
        usage.cache_write,
        usage.output,
        usage.reasoning,
        write.cost_usd,
    )


def sessions_touched(spans: Iterable[tuple[PreparedSpan, int]]) -> list[SessionRollup]:
    """Return one addition a session; spans that name no session belong to none.

    Args:
        spans: (span, project id) pairs.
    """
    return [
        _session_addition(session_id, group)
        for session_id, group in _grouped(spans, lambda span, _: span.session_id).items()
        if session_id
    ]


def _session_addition(session_id: int, group: Sequence[tuple[PreparedSpan, int]]) -> SessionRollup:
    agent_id, agent_us = first_said((span.agent_id, span.write.start_us) for span, _ in group)
    user_id, user_us = first_said(
        (string_id(span.write.user), span.write.start_us) for span, _ in group
    )
    return SessionRollup(
        session_id=to_signed(session_id),
        project_id=group[0][1],
        agent_id=agent_id,
        agent_us=agent_us,
        user_id=user_id,
        user_us=user_us,
        start_us=min(span.write.start_us for span, _ in group),
        end_us=max(span.write.start_us + span.write.duration_us for span, _ in group),
        measures=sum_measures([span.measures for span, _ in group]),
    )


def traces_touched(spans: Iterable[tuple[PreparedSpan, int]]) -> list[TraceRollup]:
    """Return one addition a trace.

    Args:
        spans: (span, project id) pairs.
    """
    groups = _grouped(spans, lambda span, _: span.write.trace_id)
    return [_trace_addition(trace_id, group) for trace_id, group in groups.items()]


def _trace_addition(trace_id: bytes, group: Sequence[tuple[PreparedSpan, int]]) -> TraceRollup:
    writes = [span.write for span, _ in group]
    session_id, session_us = first_said((span.session_id, span.write.start_us) for span, _ in group)
    agent_id, agent_us = first_said((span.agent_id, span.write.start_us) for span, _ in group)
    service_id, service_us = first_said((string_id(w.service), w.start_us) for w in writes)
    name_id, name_us = first_said(
        (string_id(w.name), w.start_us) for w in writes if not w.parent_span_id
    )
    projects = {to_signed(span.session_id): project_id for span, project_id in group}
    return TraceRollup(
        trace_id=trace_id,
        project_id=projects.get(session_id, 0),
        session_id=session_id,
        session_us=session_us,
        agent_id=agent_id,
        agent_us=agent_us,
        service_id=service_id,
        service_us=service_us,
        name_id=name_id,
        name_us=name_us,
        start_us=min(w.start_us for w in writes),
        end_us=max(w.start_us + w.duration_us for w in writes),
        measures=sum_measures([span.measures for span, _ in group]),
    )


def hours_touched(spans: Iterable[tuple[PreparedSpan, int]]) -> list[HourAddition]:
    """Return one addition a project and hour of start.

    Args:
        spans: (span, project id) pairs.
    """
    groups = _grouped(
        spans,
        lambda span, project_id: (project_id, span.write.start_us // HOUR_US * HOUR_US),
    )
    return [
        HourAddition(
            project_id=project_id,
            hour_us=hour_us,
            durations_us=[span.write.duration_us for span, _ in group],
            session_ids=frozenset(span.session_id for span, _ in group if span.session_id),
            measures=sum_measures([span.measures for span, _ in group]),
            gone_durations_us=[
                span.gone_duration_us for span, _ in group if span.gone_duration_us is not None
            ],
        )
        for (project_id, hour_us), group in groups.items()
    ]


def _grouped(
    spans: Iterable[tuple[PreparedSpan, int]], key: Callable[[PreparedSpan, int], K]
) -> dict[K, list[tuple[PreparedSpan, int]]]:
    groups: dict[K, list[tuple[PreparedSpan, int]]] = {}
    for span, project_id in spans:
        groups.setdefault(key(span, project_id), []).append((span, project_id))
    return groups


def names_of(spans: Iterable[PreparedSpan]) -> set[str]:
    """Return every string that the rows of these spans stand for."""
    names: set[str] = set()
    for span in spans:
        write = span.write
        names.update(
            (write.session, write.agent, write.user, write.service, write.model, write.provider)
        )
        if not write.parent_span_id:
            names.add(write.name)
    names.discard("")
    return names


def contents_of(spans: Iterable[PreparedSpan]) -> Mapping[int, bytes]:
    """Return content id -> bytes of all that these spans share with others."""
    contents: dict[int, bytes] = {}
    for span in spans:
        contents[span.payload.resource_id] = span.write.resource
        contents[span.payload.scope_id] = span.write.scope
        contents.update(span.payload.contents)
    return contents
