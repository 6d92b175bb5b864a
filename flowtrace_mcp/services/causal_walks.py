"""What led to an edge and what followed from it, over span links too: across traces and sessions.

A link of a span names a span that led to it besides its parent. Which spans link to one is known by
the text index, where each has the word of what it links to.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from flowtrace_mcp.ingest.span_extras import span_extras
from flowtrace_mcp.model.edge import Edge, unpack_edge
from flowtrace_mcp.model.ids import SPAN_ID_BYTES
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.span_search import SpanFilter
from flowtrace_mcp.storage.span_text import link_word

Place = tuple[bytes, bytes]  # trace id, span id

EDGES_LIMIT: Final = 1_000
TRACES_LIMIT: Final = 50
LINKING_LIMIT: Final = 100  # spans that link to one


class CausalWalk:
    """Walks from edge to edge; each trace on the way is read once.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._traces: dict[bytes, dict[bytes, Edge]] = {}
        self._children: dict[bytes, dict[bytes, list[bytes]]] = {}

    def edge(self, place: Place) -> Edge | None:
        """Return an edge, None where it is not stored or lies in one trace too many."""
        return self._edges(place[0]).get(place[1])

    def ancestors(self, place: Place) -> list[Edge]:
        """Return what led to an edge, the nearest first, at most ``EDGES_LIMIT``."""
        return self._found(self._reached(place, self._causes))

    def descendants(self, place: Place) -> list[Edge]:
        """Return what an edge led to, the nearest first, at most ``EDGES_LIMIT``."""
        return self._found(self._reached(place, self._effects))

    def path(self, start: Place, end: Place) -> list[Edge]:
        """Return the edges from one to another, over what is nearest of all that led to both."""
        up, down = self._reached(start, self._causes), self._reached(end, self._causes)
        common = next((place for place in up if place in down), None)
        if common is None:
            return []
        return self._found([*_way(common, up)][::-1] + [*_way(common, down)][1:])

    def _found(self, places: Iterable[Place]) -> list[Edge]:
        edges = (self.edge(place) for place in places)
        return [edge for edge in edges if edge is not None]

    def _reached(
        self, start: Place, following: Callable[[Place, Edge], Iterator[Place]]
    ) -> dict[Place, Place | None]:
        """Return place -> the one it was reached from, the nearest first, the start among them."""
        reached: dict[Place, Place | None] = {start: None}
        waiting = deque([start])
        while waiting and len(reached) <= EDGES_LIMIT:
            place = waiting.popleft()
            edge = self.edge(place)
            for one in following(place, edge) if edge is not None else ():
                if one not in reached and self.edge(one) is not None:
                    reached[one] = place
                    waiting.append(one)
        return reached

    def _causes(self, place: Place, edge: Edge) -> Iterator[Place]:
        parent = edge.causal_parent[SPAN_ID_BYTES:]
        has_parent = any(edge.causal_parent)
        if has_parent:
            yield place[0], parent
        if edge.parent_count > has_parent:
            yield from self._links(edge)

    def _effects(self, place: Place, edge: Edge) -> Iterator[Place]:
        del edge
        below = self._below(place[0]).get(place[1], ())
        yield from ((place[0], span_id) for span_id in below)
        wanted = SpanFilter(words=(link_word(place[1]),))
        page = self._context.store.span_texts.search(wanted, None, LINKING_LIMIT)
        for found in page.spans:
            other = unpack_edge(found.edge)
            if place in self._links(other):
                yield other.trace_id, other.span_id

    def _links(self, edge: Edge) -> list[Place]:
        start_us = edge.timestamp_us
        wanted = SpanFilter(trace_id=edge.trace_id, since_us=start_us, until_us=start_us + 1)
        page = self._context.store.span_texts.search(wanted, None, EDGES_LIMIT)
        own = [(one.edge_key, edge) for one in page.spans if one.edge[8:16] == edge.span_id]
        found = self._context.store.spans.get_spans(own)
        extras = [
            span_extras(one.payload.raw, one.payload.encoding) for one in found if one.payload
        ]
        return [(link.trace_id, link.span_id) for each in extras for link in each.links]

    def _edges(self, trace_id: bytes) -> dict[bytes, Edge]:
        if trace_id not in self._traces:
            if len(self._traces) >= TRACES_LIMIT:
                return {}
            listed = self._context.store.spans.list_trace_edges(trace_id)
            self._traces[trace_id] = {edge.span_id: edge for edge in listed}
        return self._traces[trace_id]

    def _below(self, trace_id: bytes) -> dict[bytes, list[bytes]]:
        if trace_id not in self._children:
            below: dict[bytes, list[bytes]] = {}
            for span_id, edge in self._edges(trace_id).items():
                below.setdefault(edge.causal_parent[SPAN_ID_BYTES:], []).append(span_id)
            self._children[trace_id] = below
        return self._children[trace_id]


def _way(place: Place, reached: dict[Place, Place | None]) -> Iterator[Place]:
    """Yield a place and those over which it was reached, back to the start."""
    at: Place | None = place
    while at is not None:
        yield at
        at = reached[at]
