"""Spans found anywhere, as rows of JSON: what each says of itself, its trace not read."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Final

import msgspec

from flowtrace_mcp.ingest.span_documents import plain_text
from flowtrace_mcp.ingest.span_extras import span_extras
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.edge import SENSITIVITIES, STATUSES, Edge, Environment, SpanStatus
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import SpanExtras, SpanRecord
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.find_spans import FoundEdge
from flowtrace_mcp.services.listing import RollupTokens, project_names
from flowtrace_mcp.services.trace_bodies import TYPE_NAMES
from flowtrace_mcp.services.trace_reading import decode_stored
from flowtrace_mcp.storage.span_store import StoredSpan

_NO_USAGE: Final = TokenUsage()
_NO_EXTRAS: Final = SpanExtras()
_ENVIRONMENTS: Final = {int(one): one.name.lower() for one in Environment}


class SpanRow(msgspec.Struct, frozen=True, kw_only=True):
    """One span of a list; None = not known.

    ``tokens`` and ``cost_usd`` are what the span itself says; a trace judges what counts.
    """

    span_id: str  # hex, as the other ids
    trace_id: str
    edge_id: str
    parent_span_id: str | None
    name: str
    display: str
    span_type: str
    operation: str | None
    status: str
    error: str | None
    start_us: int
    duration_us: int
    session: str | None
    agent: str | None
    project: str | None
    environment: str
    sensitivity: list[str]
    provider: str | None
    model: str | None
    tool: str | None
    tokens: RollupTokens
    token_count: int
    cost_usd: float | None
    input_preview: str | None = None
    output_preview: str | None = None


def span_rows(
    context: Context, found: Sequence[FoundEdge], *, preview_characters: int = 0
) -> list[SpanRow]:
    """Return rows of spans, in their order; those that are gone by now are left out.

    Args:
        context: The means of the program.
        found: The spans.
        preview_characters: So many of what was put in and of what came out; 0 = neither is read.
    """
    stored = context.store.spans.get_spans([(one.key, one.edge) for one in found])
    names = context.store.spans.get_strings(set(chain.from_iterable(map(_numbers, stored))))
    projects = project_names(context) if any(one.edge.project_id for one in found) else {}
    rows = []
    for one in stored:
        decoded = decode_stored(one)
        if decoded is not None:
            rows.append(_row(one, decoded, (names, projects), preview_characters))
    return rows


def _numbers(stored: StoredSpan) -> tuple[int, ...]:
    edge, usage = stored.edge, stored.usage
    used = (usage.model_id, usage.provider_id) if usage else ()
    return (to_signed(edge.session_id), to_signed(edge.agent_id), *used)


_Names = tuple[Mapping[int, str], Mapping[int, str]]


def _row(
    stored: StoredSpan,
    decoded: tuple[SpanRecord, SpanFacts],
    names: _Names,
    preview_characters: int,
) -> SpanRow:
    record, facts = decoded
    edge, usage = stored.edge, stored.usage
    strings, projects = names
    tokens = usage.tokens if usage else facts.usage or _NO_USAGE
    put_in, came_out = _previews(record, preview_characters)
    return SpanRow(
        span_id=record.span_id.hex(),
        trace_id=record.trace_id.hex(),
        edge_id=edge.edge_id.hex(),
        parent_span_id=record.parent_span_id.hex() or None,
        name=record.name,
        display=facts.display or record.name,
        span_type=TYPE_NAMES[edge.span_type],
        operation=facts.operation or None,
        status=STATUSES[edge.status],
        error=_error(record, facts),
        start_us=record.start_us,
        duration_us=record.duration_us,
        session=strings.get(to_signed(edge.session_id)) or None,
        agent=strings.get(to_signed(edge.agent_id)) or None,
        project=projects.get(edge.project_id),
        environment=_ENVIRONMENTS[edge.environment],
        sensitivity=_sensitivity(edge),
        provider=facts.provider or None,
        model=facts.model or None,
        tool=facts.tool_name or None,
        tokens=RollupTokens(
            input=tokens.input,
            cache_read=tokens.cache_read,
            cache_write=tokens.cache_write,
            output=tokens.output,
            reasoning=tokens.reasoning,
        ),
        token_count=edge.token_count,
        cost_usd=usage.cost_usd if usage else facts.cost_usd,
        input_preview=put_in,
        output_preview=came_out,
    )


def _error(record: SpanRecord, facts: SpanFacts) -> str | None:
    if record.status != SpanStatus.ERROR and not facts.error_type:
        return None
    return facts.error_message or record.status_message or facts.error_type or "error"


def _sensitivity(edge: Edge) -> list[str]:
    return [name for at, name in enumerate(SENSITIVITIES) if edge.sensitivity & 1 << at]


def _previews(record: SpanRecord, characters: int) -> tuple[str | None, str | None]:
    if not characters:
        return None, None
    has_extras = record.event_count or record.link_count
    extras = span_extras(record.raw, record.encoding) if has_extras else _NO_EXTRAS
    texts = texts_of(record, extras)
    put_in = texts.tool_arguments if texts.input_messages is None else texts.input_messages
    came_out = texts.tool_result if texts.output_messages is None else texts.output_messages
    shown = (one_line(plain_text(text), characters) for text in (put_in, came_out))
    return next(shown) or None, next(shown) or None
