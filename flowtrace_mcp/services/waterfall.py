"""A trace as a page draws it, column by column, and one of its spans as a page opens it."""

from collections.abc import Mapping
from enum import IntFlag
from typing import Final

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.edge import EdgeFlag, SpanStatus, SpanType
from flowtrace_mcp.model.telemetry import SpanEvent
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.tool_runs import put_in_and_out
from flowtrace_mcp.services.trace_bodies import TYPE_NAMES, Body, span_body, trace_head
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading, reading_of
from flowtrace_mcp.services.views.path import critical_path_us

NO_PARENT: Final = -1
_OF_THE_TRACE: Final = frozenset(("aggregate", "duplicate_of", "folded"))


class Mark(IntFlag):
    """What a row of a waterfall is marked with; part of the REST interface, never renumbered."""

    NONE = 0
    FOLDED = 1  # noise, shown when somebody opens it
    AGGREGATE = 2  # repeats the usage of spans below
    DUPLICATE = 4  # told by another span as well
    CRITICAL = 8  # without it the trace had ended earlier
    ERROR = 16


def waterfall_body(reading: TraceReading, project: str) -> Body:
    """Return the spans of a trace as equally long columns, by start.

    ``parent`` is the place of the parent in the columns, -1 where it is not among them; ``start_us``
    counts from the start of the trace; ``tokens`` is input of all kinds and output.
    """
    spans = reading.spans
    places = {span.record.span_id: place for place, span in enumerate(spans)}
    path_us = critical_path_us(reading)
    start_us = reading.start_us
    return {
        **trace_head(reading, project),
        "columns": {
            "span_id": [span.record.span_id.hex() for span in spans],
            "parent": [places.get(span.record.parent_span_id, NO_PARENT) for span in spans],
            "name": [span.facts.display or span.record.name for span in spans],
            "span_type": [TYPE_NAMES[span.facts.span_type] for span in spans],
            "start_us": [span.record.start_us - start_us for span in spans],
            "duration_us": [span.record.duration_us for span in spans],
            "model": [span.verdict.model or span.facts.model or None for span in spans],
            "tokens": [_tokens(span) for span in spans],
            "cost_usd": [span.facts.cost_usd for span in spans],
            "marks": [int(_marks(span, path_us)) for span in spans],
        },
    }


def span_detail(context: Context, trace_id: bytes, span_id: bytes) -> Body | None:
    """Return one span with its texts, attributes and events, or None when it is not stored.

    The trace is not read for it, so a span of a large one opens as quickly: ``aggregate`` and
    ``duplicate_of``, which only the whole trace can tell, are left out.
    """
    stored = context.store.spans.find_span(trace_id, span_id)
    if stored is None:
        return None
    reading = reading_of(context, trace_id, [stored])
    if not reading.spans:
        return None
    span = reading.spans[0]
    body = span_body(span, reading)
    extras = span.extras()
    body = {name: value for name, value in body.items() if name not in _OF_THE_TRACE}
    return {
        **body,
        **_texts(span, reading),
        "attributes": span.record.attributes,
        "resource": span.record.resource.attributes,
        "scope": span.record.scope.name or None,
        "span_events": [_event(event) for event in extras.events],
    }


def _texts(span: ReadSpan, reading: TraceReading) -> Body:
    if span.facts.span_type is SpanType.TOOL_CALL:
        put_in, came_out = put_in_and_out(span, reading)
        return {"arguments": put_in, "result": came_out}
    texts = texts_of(span.record, span.extras())
    return {
        "system": texts.system_instructions,
        "input": texts.input_messages,
        "output": texts.output_messages,
        "is_model_call": span.facts.operation in MODEL_CALLS,
    }


def _event(event: SpanEvent) -> Body:
    return {"time_us": event.time_us, "name": event.name, "attributes": dict(event.attributes)}


def _tokens(span: ReadSpan) -> int | None:
    return span.facts.usage.total if span.facts.usage else None


def _marks(span: ReadSpan, path_us: Mapping[bytes, int]) -> Mark:
    has_failed = span.record.status == SpanStatus.ERROR or span.facts.error_type
    claims = (
        (Mark.FOLDED, span.edge.flags & EdgeFlag.FOLDED),
        (Mark.AGGREGATE, span.verdict.aggregate),
        (Mark.DUPLICATE, span.verdict.duplicate_of),
        (Mark.CRITICAL, span.record.span_id in path_us),
        (Mark.ERROR, has_failed),
    )
    marks = Mark.NONE
    for mark, is_so in claims:
        if is_so:
            marks |= mark
    return marks
