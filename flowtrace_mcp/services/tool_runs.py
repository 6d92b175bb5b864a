"""The tool calls of traces: what was called with what, and how it ended."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.ingest.span_texts import tool_texts_of
from flowtrace_mcp.model.edge import SpanStatus, SpanType
from flowtrace_mcp.model.telemetry import AttributeValue, SpanExtras
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.services.trace_hooks import fuller
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading

SUBJECT_CHARACTERS: Final = 60
_NO_EVENT: Final = EventFacts()
# What a call is about, by the names that agents' tools give it; the first that is there.
_SUBJECTS: Final = (
    "file_path",
    "path",
    "notebook_path",
    "command",
    "cmd",
    "pattern",
    "query",
    "url",
    "description",
)


class ToolRun(msgspec.Struct, frozen=True, kw_only=True):
    """One execution of a tool, counted once however many spans tell of it."""

    span: ReadSpan
    session: str
    name: str
    arguments: AttributeValue
    arguments_text: str  # JSON, keys sorted: equal texts are equal arguments
    is_error: bool

    @property
    def title(self) -> str:
        """Return the tool and what it was called for, in one short line."""
        told = self.arguments
        if isinstance(told, Mapping):
            told = next((told[key] for key in _SUBJECTS if told.get(key)), "")
        about = told if isinstance(told, str) else ""
        return one_line(f"{self.name} {about}".strip(), SUBJECT_CHARACTERS)


def tool_runs(readings: Iterable[TraceReading]) -> list[ToolRun]:
    """Return the tool calls of traces by start."""
    runs = [
        _run(span, reading)
        for reading in readings
        for span in reading.spans
        if span.facts.span_type is SpanType.TOOL_CALL and not span.verdict.duplicate_of
    ]
    runs.sort(key=lambda run: (run.span.record.start_us, run.span.record.span_id))
    return runs


def put_in_and_out(
    span: ReadSpan, reading: TraceReading, extras: SpanExtras | None = None
) -> tuple[AttributeValue, AttributeValue]:
    """Return arguments and result of a tool's run: of its span, else of its events and hooks.

    Args:
        span: The run.
        reading: Its trace.
        extras: Of the span, where they are decoded already.
    """
    texts = tool_texts_of(span.record, span.extras() if extras is None else extras)
    told = reading.tool_events.get(span.facts.tool_call_id, _NO_EVENT)
    result = told.tool_result if texts.tool_result is None else texts.tool_result
    return fuller(texts.tool_arguments, told.tool_arguments), result


def _run(span: ReadSpan, reading: TraceReading) -> ToolRun:
    arguments, _ = put_in_and_out(span, reading)
    return ToolRun(
        span=span,
        session=reading.session or reading.trace_id.hex(),
        name=span.facts.tool_name or span.record.name,
        arguments=arguments,
        arguments_text=msgspec.json.encode(arguments, order="sorted").decode(),
        is_error=span.record.status == SpanStatus.ERROR or bool(span.facts.error_type),
    )
