"""Edges as JSON, and what led to one or followed from it, in its trace or over links."""

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
from flowtrace_mcp.services.causal_walks import CausalWalk
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_spans import named_span
from flowtrace_mcp.services.trace_bodies import Body

Relation = Literal["children", "ancestors", "descendants", "siblings"]
_EDGE_ID_DIGITS: Final = 2 * TRACE_ID_BYTES
_ID_FIELDS: Final = ("session_id", "agent_id", "tenant_id")


def find_edge(context: Context, typed: str) -> Body:
    """Return one edge by its edge id, or by its span's.

    Raises:
        InputError: It is no such id, or a span id that several traces have.
        NotFoundError: No such edge is stored.
    """
    trace_id, span_id = place_of_edge(context, typed)
    return edge_body(_edges_of(context, trace_id)[span_id])


def list_related(
    context: Context, typed: str, relation: Relation, *, over_links: bool = False
) -> Body:
    """Return the edges below, above or beside one, the nearest first; see ``find_edge``.

    Args:
        context: The means of the program.
        typed: Which edge.
        relation: What they are to it.
        over_links: Whether ancestors and descendants go over span links too, into other traces.
    """
    trace_id, span_id = place_of_edge(context, typed)
    if over_links and relation == "ancestors":
        return _listed(CausalWalk(context).ancestors((trace_id, span_id))[1:])
    if over_links and relation == "descendants":
        return _listed(CausalWalk(context).descendants((trace_id, span_id))[1:])
    edges = _edges_of(context, trace_id)
    parents = {own: edge.causal_parent[SPAN_ID_BYTES:] for own, edge in edges.items()}
    match relation:
        case "children":
            found = children_by(parents).get(span_id, [])
        case "ancestors":
            found = ancestors_of(span_id, parents)
        case "descendants":
            found = descendants_of(span_id, children_by(parents))
        case "siblings":
            beside = children_by(parents).get(parents[span_id], [])
            found = [each for each in beside if each != span_id and any(parents[each])]
    return _listed(edges[each] for each in found)


def list_path(context: Context, start: str, end: str, *, over_links: bool = False) -> Body:
    """Return the edges from one to another, both included; none where nothing led to both.

    Two traces are joined by span links alone.
    """
    (first_trace, first), (second_trace, second) = (
        place_of_edge(context, start),
        place_of_edge(context, end),
    )
    if over_links:
        walk = CausalWalk(context)
        return _listed(walk.path((first_trace, first), (second_trace, second)))
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


def place_of_edge(context: Context, typed: str) -> tuple[bytes, bytes]:
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
