"""A trace as other systems ask for it: a flat list of observations, and a graph."""

from typing import Final

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.edge import SpanStatus, SpanType
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.services.tool_runs import put_in_and_out
from flowtrace_mcp.services.trace_bodies import Body, span_body, tokens_body, trace_head
from flowtrace_mcp.services.trace_reading import ReadSpan, TraceReading
from flowtrace_mcp.services.views.rows import end_of

# What a node of the graph says of its span.
_NODE: Final = ("name", "display", "span_type", "status", "start_us", "duration_us", "cost_usd")


def observations_body(reading: TraceReading, project: str) -> Body:
    """Return the spans as observations: generations with usage, and spans; texts in full."""
    del project
    items = [_observation(span, reading) for span in reading.spans]
    return {"items": items, "observations": items, "next": None}


def graph_body(reading: TraceReading, project: str) -> Body:
    """Return the spans as nodes; edges lead from a span to those below it and to those it links.

    A link may lead to a span of another trace, which is no node here.
    """
    known = {span.record.span_id for span in reading.spans}
    nodes: list[Body] = []
    edges: list[Body] = []
    for span in reading.spans:
        body = span_body(span, reading)
        own = span.record.span_id.hex()
        nodes.append({"id": own, **{name: body[name] for name in _NODE}})
        if span.record.parent_span_id in known:
            parent = span.record.parent_span_id.hex()
            edges.append({"from": parent, "to": own, "kind": "parent"})
        edges += [
            {
                "from": own,
                "to": link.span_id.hex(),
                "trace_id": link.trace_id.hex(),
                "kind": "link",
            }
            for link in span.extras().links
        ]
    return {**trace_head(reading, project), "nodes": nodes, "edges": edges}


def attributes_body(reading: TraceReading, project: str) -> Body:
    """Return what the earliest root says as attributes, with those of its resource, as sent."""
    del project
    root = _roots(reading)[0]
    return {
        "trace_id": reading.trace_id.hex(),
        "span_id": root.record.span_id.hex(),
        "attributes": dict(root.record.attributes),
        "resource": dict(root.record.resource.attributes),
    }


def children_body(reading: TraceReading, project: str) -> Body:
    """Return the spans right below the roots of a trace, by start."""
    del project
    roots = {span.record.span_id for span in _roots(reading)}
    items = [
        span_body(span, reading) for span in reading.spans if span.record.parent_span_id in roots
    ]
    return {"items": items, "children": items, "next": None}


def _roots(reading: TraceReading) -> list[ReadSpan]:
    """Return the spans without a parent here; where all have one, the earliest."""
    known = {span.record.span_id for span in reading.spans}
    roots = [span for span in reading.spans if span.record.parent_span_id not in known]
    return roots or list(reading.spans[:1])


def _observation(span: ReadSpan, reading: TraceReading) -> Body:
    record, facts = span.record, span.facts
    if facts.span_type is SpanType.TOOL_CALL:
        put_in, came_out = put_in_and_out(span, reading)
    else:
        texts = texts_of(record, span.extras())
        put_in, came_out = texts.input_messages, texts.output_messages
    usage = facts.usage or TokenUsage()
    is_failed = record.status == SpanStatus.ERROR
    return {
        "id": record.span_id.hex(),
        "trace_id": record.trace_id.hex(),
        "parent_observation_id": record.parent_span_id.hex() or None,
        "type": "generation" if facts.operation in MODEL_CALLS else "span",
        "name": facts.display or record.name,
        "start_time": record.start_us,
        "end_time": end_of(span),
        "model": span.verdict.model or facts.model or None,
        "input": put_in,
        "output": came_out,
        "metadata": dict(record.attributes),
        "level": "ERROR" if is_failed else "DEFAULT",
        "status_message": record.status_message or None,
        "usage": {**tokens_body(usage), "total": usage.total if facts.usage else None},
        "cost_usd": facts.cost_usd,
    }
