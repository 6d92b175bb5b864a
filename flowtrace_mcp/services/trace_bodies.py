"""A trace and a session as JSON, in the shape that REST promises."""

from typing import Final

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.ingest.event_facts import EventFacts
from flowtrace_mcp.ingest.span_texts import requested_tools_of, tool_texts_of
from flowtrace_mcp.ingest.trace_totals import TraceTotals, total_of_totals
from flowtrace_mcp.ingest.trace_tree import TraceTree, trace_span
from flowtrace_mcp.model.edge import SPAN_TYPE_NAMES, EdgeFlag, SpanStatus
from flowtrace_mcp.model.span_facts import SpanTexts
from flowtrace_mcp.model.telemetry import SpanExtras, SpanLink
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.services.call_costs import CallCost
from flowtrace_mcp.services.trace_hooks import fuller, hook_bodies
from flowtrace_mcp.services.trace_reading import ReadSpan, SessionReading, TraceReading

Body = dict[str, object]
_NO_TEXTS: Final = SpanTexts()
_NO_EVENT: Final = EventFacts()
STATUS_NAMES: Final = {0: "unset", 1: "ok", 2: "error"}
TYPE_NAMES: Final = {int(one): name for one, name in SPAN_TYPE_NAMES.items()}


def trace_body(reading: TraceReading, project: str) -> Body:
    """Return the JSON of a trace, every span in it.

    Args:
        reading: The trace.
        project: Name of its project, "" when none is known.
    """
    return {
        **trace_head(reading, project),
        "spans": [span_body(span, reading) for span in reading.spans],
    }


def tree_body(reading: TraceReading, project: str) -> Body:
    """Return the JSON of a trace as a tree: parents before children, siblings by start.

    The list is flat, for a chain of calls may be deeper than JSON readers go; each span says its
    ``depth`` and its ``children``. ``root`` is the earliest span without a parent here.
    """
    tree = TraceTree([trace_span(span.record, span.facts) for span in reading.spans])
    read = {span.record.span_id: span for span in reading.spans}
    children: dict[bytes, list[str]] = {span_id: [] for span_id in read}
    depths: dict[bytes, int] = {}
    for span in tree.spans:
        parent = tree.parent(span)
        depths[span.span_id] = 0 if parent is None else depths[parent.span_id] + 1
        if parent is not None:
            children[parent.span_id].append(span.span_id.hex())
    spans = [
        {
            **span_body(read[span_id], reading),
            "depth": depth,
            "children": children[span_id],
        }
        for span_id, depth in depths.items()
    ]
    return {**trace_head(reading, project), "root": spans[0]["span_id"], "spans": spans}


def trace_head(reading: TraceReading, project: str) -> Body:
    """Return the JSON of a trace without its spans."""
    prompt: Body = {"prompt": reading.hooks.prompt} if reading.hooks.prompt else {}
    return {
        "trace_id": reading.trace_id.hex(),
        "session": reading.session or None,
        "agent": reading.agent or None,
        "user": reading.user or None,
        "service": reading.service or None,
        "project": project or None,
        "start_us": reading.start_us,
        "end_us": reading.end_us,
        "totals": totals_body(reading.totals),
        "unpriced_calls": reading.totals.unpriced_calls,
        **prompt,
    }


def session_body(reading: SessionReading, project: str) -> Body:
    """Return the JSON of a session: its traces by head, and the sums over them."""
    totals = total_of_totals([trace.totals for trace in reading.traces])
    return {
        "session": reading.session,
        "agent": reading.agent or None,
        "user": reading.user or None,
        "project": project or None,
        "start_us": reading.start_us,
        "end_us": reading.end_us,
        "traces": [trace_head(trace, project) for trace in reading.traces],
        "totals": totals_body(totals),
        "unpriced_calls": totals.unpriced_calls,
    }


def totals_body(totals: TraceTotals) -> Body:
    """Return the JSON of sums; null = no span that counts knows."""
    return {
        "spans": totals.spans,
        "errors": totals.errors,
        "model_calls": totals.model_calls,
        "tool_calls": totals.tool_calls,
        "tokens": tokens_body(totals.usage),
        "cost_usd": totals.cost_usd,
    }


def tokens_body(usage: TokenUsage) -> Body:
    """Return the JSON of the token classes."""
    return {
        "input": usage.input,
        "cache_read": usage.cache_read,
        "cache_write": usage.cache_write,
        "output": usage.output,
        "reasoning": usage.reasoning,
    }


def span_body(span: ReadSpan, reading: TraceReading) -> Body:
    """Return the JSON of one span.

    Args:
        span: The span.
        reading: Its trace, for what events and hooks say of tool calls.
    """
    record, facts, verdict = span.record, span.facts, span.verdict
    extras = span.extras()
    is_call = facts.operation in MODEL_CALLS
    return {
        "span_id": record.span_id.hex(),
        "parent_span_id": record.parent_span_id.hex() or None,
        "name": record.name,
        "display": facts.display or record.name,
        "span_type": TYPE_NAMES[facts.span_type],
        "operation": facts.operation or None,
        "status": STATUS_NAMES[record.status],
        "error": _error(span),
        "start_us": record.start_us,
        "duration_us": record.duration_us,
        "provider": verdict.provider or facts.provider or None,
        "model": verdict.model or facts.model or None,
        "request_model": facts.request_model or None,
        "tokens": tokens_body(facts.usage or TokenUsage()),
        "cost_usd": facts.cost_usd,
        "tool": _tool(span, extras, reading),
        "requested_tools": [
            {"name": tool.name, "call_id": tool.call_id or None, "arguments": tool.arguments}
            for tool in (requested_tools_of(record, extras) if is_call else ())
        ],
        "events": len(extras.events),
        "links": [_link(link) for link in extras.links],
        "aggregate": verdict.aggregate,
        "folded": bool(span.edge.flags & EdgeFlag.FOLDED),
        "duplicate_of": verdict.duplicate_of.hex() or None,
        **_said_of(span.cost),
    }


def _said_of(cost: CallCost) -> Body:
    """Return who says the cost and what is to be known of it, where there is something to say."""
    said: Body = {"cost_from": cost.origin, "cost_note": cost.note}
    return {name: value for name, value in said.items() if value}


def _link(link: SpanLink) -> Body:
    return {
        "trace_id": link.trace_id.hex(),
        "span_id": link.span_id.hex(),
        "attributes": dict(link.attributes),
    }


def _error(span: ReadSpan) -> Body | None:
    facts, record = span.facts, span.record
    if record.status != SpanStatus.ERROR and not facts.error_type:
        return None
    return {
        "type": facts.error_type or None,
        "message": facts.error_message or record.status_message or None,
    }


def _tool(span: ReadSpan, extras: SpanExtras, reading: TraceReading) -> Body | None:
    facts = span.facts
    if not facts.tool_name and not facts.tool_call_id:
        return None
    is_execution = facts.operation == "execute_tool"
    texts = tool_texts_of(span.record, extras) if is_execution else _NO_TEXTS
    told = reading.tool_events.get(facts.tool_call_id, _NO_EVENT)
    hooks = reading.hooks.calls.get(facts.tool_call_id) if is_execution else None
    result = told.tool_result if texts.tool_result is None else texts.tool_result
    return {
        "name": facts.tool_name or None,
        "call_id": facts.tool_call_id or None,
        "server": facts.tool_server or None,
        "arguments": fuller(texts.tool_arguments, told.tool_arguments),
        "result": result,
    } | ({"hooks": hook_bodies(hooks)} if hooks else {})
