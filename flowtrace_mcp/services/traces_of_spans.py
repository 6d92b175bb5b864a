"""List the traces in which a span fits a filter, by the newest span that does."""

from dataclasses import replace
from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.find_spans import FoundEdge, SpanQuery, find_spans
from flowtrace_mcp.services.list_traces import TraceRow, trace_rows
from flowtrace_mcp.services.listing import Listed, Position

# Spans that are looked for so that a page of traces is full; a trace may hold many that fit.
PAGES_MOST: Final = 10


def list_traces_of_spans(
    context: Context, query: SpanQuery, position: Position | None, limit: int
) -> Listed[TraceRow]:
    """Return at most ``limit`` traces, each once in all pages; see ``find_spans``."""
    found: dict[bytes, None] = {}
    is_first = position is None
    for _ in range(PAGES_MOST):
        page = find_spans(context, query, position, limit - len(found))
        for one in page.items:
            if one.edge.trace_id not in found and (
                is_first or not _fits_later(context, query, one)
            ):
                found[one.edge.trace_id] = None
        position = page.next
        if position is None or len(found) >= limit:
            break
    rollups = [context.store.spans.find_trace(trace_id) for trace_id in found]
    rows = trace_rows(context, [rollup for rollup in rollups if rollup is not None])
    return Listed(items=rows, next=position)


def _fits_later(context: Context, query: SpanQuery, one: FoundEdge) -> bool:
    """Say whether a later span of the trace fits too: the trace stands on a page before."""
    later = replace(query.window, since_us=one.edge.timestamp_us + 1)
    asked = replace(query, trace_id=one.edge.trace_id, window=later)
    return bool(find_spans(context, asked, None, 1).items)
