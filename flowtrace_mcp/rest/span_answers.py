"""Spans found by filters and by plain words, and the traces that they are of."""

from typing import Any, Final

import msgspec

from flowtrace_mcp.rest.answers import to_json
from flowtrace_mcp.rest.questions import (
    LIMIT_MOST,
    Question,
    cursor_key,
    cursor_of,
    json_object,
    shaped,
)
from flowtrace_mcp.rest.span_queries import span_query
from flowtrace_mcp.rest.spans import SearchBody
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.find_spans import find_spans
from flowtrace_mcp.services.search_spans import SearchAnswer, SearchRequest, search_spans
from flowtrace_mcp.services.span_rows import SpanRow, span_rows
from flowtrace_mcp.services.traces_of_spans import list_traces_of_spans

SEARCH_MOST: Final = 500
_PREVIEW_CHARACTERS: Final = 150
_US_A_MS: Final = 1000


def list_found(context: Context, question: Question) -> object:
    """Return a page of spans."""
    wanted = span_query(question)
    key = cursor_key("spans", wanted)
    found = find_spans(context, wanted, question.position(key), question.limit)
    rows = msgspec.Raw(to_json(span_rows(context, found.items)))
    return {"items": rows, "spans": rows, "next": cursor_of(found.next, key)}


def list_traces_found(context: Context, question: Question) -> object:
    """Return a page of the traces in which a span fits."""
    wanted = span_query(question)
    key = cursor_key("traces", wanted)
    found = list_traces_of_spans(context, wanted, question.position(key), question.limit)
    items = msgspec.Raw(to_json(found.items))
    return {"items": items, "traces": items, "next": cursor_of(found.next, key)}


def search(context: Context, question: Question) -> object:
    """Return the spans that a question is about."""
    body = shaped(json_object(question.body), SearchBody)
    refuse_outside(("limit", body.limit, 1, min(SEARCH_MOST, LIMIT_MOST)))
    request = SearchRequest(
        query=body.query,
        project=body.project or str(body.project_id),
        session=body.session,
        limit=body.limit,
    )
    found = search_spans(context, request)
    rows = span_rows(context, found.spans, preview_characters=_PREVIEW_CHARACTERS)
    results = [_result(row) for row in rows]
    return {
        "results": results,
        "items": results,
        "count": len(results),
        "more": found.has_more,
        "query_interpretation": _interpretation(found),
        "note": found.note,
    }


def _result(row: SpanRow) -> dict[str, Any]:
    """Return a span under the keys of other systems; ``metadata`` holds what they have no key for."""
    return {
        "edge_id": row.edge_id,
        "trace_id": row.trace_id,
        "span_id": row.span_id,
        "timestamp_us": row.start_us,
        "operation": row.display,
        "span_type": row.span_type,
        "duration_ms": row.duration_us / _US_A_MS,
        "tokens": row.token_count,
        "cost": row.cost_usd,
        "status": row.status,
        "model": row.model,
        "agent_id": row.agent,
        "session_id": row.session,
        "project_id": row.project,
        "input_preview": row.input_preview,
        "output_preview": row.output_preview,
        "metadata": {"tool": row.tool, "provider": row.provider, "error": row.error},
    }


def _interpretation(found: SearchAnswer) -> dict[str, Any]:
    asked = found.asked
    has_time = asked.since_us is not None or asked.until_us is not None
    return {
        "model_filter": asked.models or None,
        "tool_filter": asked.tools or None,
        "error_filter": asked.is_error,
        "min_tokens": asked.min_tokens,
        "max_tokens": asked.max_tokens,
        "min_duration_us": asked.min_duration_us,
        "max_duration_us": asked.max_duration_us,
        "time_range": {"since_us": asked.since_us, "until_us": asked.until_us}
        if has_time
        else None,
        "words": asked.words,
        "understood": asked.understood,
    }
