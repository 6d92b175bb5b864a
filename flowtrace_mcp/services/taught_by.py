"""Which span a memory comes from, where its call only told the id of the tool's call."""

from dataclasses import replace
from typing import Final

from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.memory import Memory
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trace_reading import decode_stored

# The span of a call starts before the memory is recorded, and no agent waits longer for it.
BEFORE_US: Final = 600_000_000
AFTER_US: Final = 10_000_000
SPANS_LIMIT: Final = 500
TOOLS_LIMIT: Final = 50


def with_span(context: Context, memory: Memory) -> Memory:
    """Return a memory with the span of the tool call that wrote it, when that span has come.

    It is looked for among the session's tool calls around the time of writing. Spans come later
    than the memory, so this is asked when a memory is opened, never when it is stored.
    """
    if memory.span_id or not memory.tool_call_id or not memory.session:
        return memory
    spans = context.store.spans
    window_us = (memory.recorded_us - BEFORE_US, memory.recorded_us + AFTER_US)
    edges = spans.list_edges(window_us, SPANS_LIMIT, session=memory.session)
    calls = [(key, edge) for key, edge in edges if edge.span_type == SpanType.TOOL_CALL][
        :TOOLS_LIMIT
    ]
    for stored in spans.get_spans(calls):
        pair = decode_stored(stored)
        if pair is not None and pair[1].tool_call_id == memory.tool_call_id:
            return replace(memory, trace_id=stored.edge.trace_id, span_id=stored.edge.span_id)
    return memory
