"""Edges as JSON, and what led to one or followed from it, within its trace."""

from collections.abc import Iterable
from typing import Final, Literal

from flowtrace_mcp.analytics.causality import (
    ancestors_of,
    children_by,
    descendants_of,
    path_between,
)
from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.model.edge import Edge
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, parse_id
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_spans import named_span
from flowtrace_mcp.services.trace_bodies import Body

Relation = Literal["children", "ancestors", "descendants"]
_EDGE_ID_DIGITS: Final = 2 * TRACE_ID_BYTES
_ID_FIELDS: Final = ("session_id", "agent_id", "tenant_id")


def find_edge(context: Context, typed: str) -> Body:
    """Return one edge by its edge id, or by its span's.

    Raises:
        InputError: It is no such id, or a span id that several traces have.
        NotFoundError: No such edge is stored.
    """
    trace_id, span_id = _place_of(context, typed)
    return edge_body(_edges_of(context, trace_id)[span_id])


def list_related(context: Context, typed: str, relation: Relation) -> Body:
    """Return the edges below or above one, the nearest first; see ``find_edge``."""
    trace_id, span_id = _place_of(context, typed)
    edges = _edges_of(context, trace_id)
    parents = {own: edge.causal_parent[SPAN_ID_BYTES:] for own, edge in edges.items()}
    match relation:
        case "children":
            found = children_by(parents).get(span_id, [])
        case "ancestors":
            found = ancestors_of(span_id, parents)
        case "descendants":
            found = descendants_of(span_id, children_by(parents))
    return _listed(edges[each] for each in found)


def list_path(context: Context, start: str, end: str) -> Body:
    """Return the edges from one to another, both included; none between two traces."""
    (first_trace, first), (second_trace, second) = (
        _place_of(context, start),
        _place_of(context, end),
    )
    if first_trace != second_trace:
        return _listed(())
    edges = _edges_of(context, first_trace)
    parents = {own: edge.causal_parent[SPAN_ID_BYTES:] for own, edge in edges.items()}
    return _listed(edges[each] for each in path_between(first, second, parents))


def edge_body(edge: Edge) -> Body:
    """Return the JSON of an edge under the names of its fields, ids as hex."""
    body: Body = {name: getattr(edge, name) for name in edge.__struct_fields__}
    hexed = {name: f"{getattr(edge, name):016x}" for name in _ID_FIELDS}
    return body | {
        "edge_id": edge.edge_id.hex(),
        "causal_parent": edge.causal_parent.hex(),
        "trace_id_high": f"{edge.trace_id_high:016x}",
        **hexed,
        "trace_id": edge.trace_id.hex(),
        "span_id": edge.span_id.hex(),
    }


def _listed(edges: Iterable[Edge]) -> Body:
    items = [edge_body(edge) for edge in edges]
    return {
        "items": items,
        "edges": items,
        "next": None,
        "total_count": len(items),
        "has_more": False,
    }


def _place_of(context: Context, typed: str) -> tuple[bytes, bytes]:
    """Return trace and span id of an edge that is named by its own id or its span's."""
    text = typed.strip().lower().removeprefix("0x")
    if len(text) != _EDGE_ID_DIGITS:
        return named_span(context, typed)
    edge_id = parse_id(typed, TRACE_ID_BYTES, name="edge_id")
    number = int.from_bytes(edge_id[SPAN_ID_BYTES:], "big", signed=True)
    places = context.store.spans.list_span_places((number, number), 100)
    found = next((place for place in places if place[0][8:] == edge_id[:8]), None)
    if found is None:
        raise NotFoundError(
            f"no edge {typed.strip()[:64]}",
            why="no span of it is stored",
            mend="an edge id is the lower half of the trace id, then the span id",
        )
    return found


def _edges_of(context: Context, trace_id: bytes) -> dict[bytes, Edge]:
    """Return the edges of a trace by span id, by start."""
    return {edge.span_id: edge for edge in context.store.spans.list_trace_edges(trace_id)}
