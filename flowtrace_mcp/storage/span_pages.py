"""All spans of a file, page by page in the order of their keys, and which of them another lacks."""

from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.model.edge import Edge, unpack_edge
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.storage import edges, payloads
from flowtrace_mcp.storage.contents import ContentCache
from flowtrace_mcp.storage.database import Database

PAGE_SPANS: Final = 512

KeyedSpan = tuple[int, Edge]


class SpanPages:
    """Pages of spans of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = ContentCache()

    def page_after(self, key: int) -> list[KeyedSpan]:
        """Return the next spans beyond a key, -1 to begin; none at the end."""
        with self._database.snapshot() as reader:
            keys = edges.list_keys_from(reader, key + 1, PAGE_SPANS)
            found = edges.list_keyed_edges(reader, keys)
        return [(edge_key, unpack_edge(record)) for edge_key, record in found]

    def without_known(self, page: Sequence[KeyedSpan]) -> list[KeyedSpan]:
        """Return those spans of a page, of any file, that this one does not hold."""
        numbers = [to_signed(int.from_bytes(edge.span_id, "big")) for _, edge in page]
        with self._database.reading() as reader:
            same = [unpack_edge(record) for _, record in edges.list_same_spans(reader, numbers)]
        known = {(edge.trace_id, edge.span_id) for edge in same}
        return [one for one in page if (one[1].trace_id, one[1].span_id) not in known]

    def payloads_of(self, page: Sequence[KeyedSpan]) -> list[payloads.StoredPayload]:
        """Return the bytes of spans as they were sent, in the order of the page."""
        with self._database.snapshot() as reader:
            found = payloads.get_payloads(reader, [key for key, _ in page], self._cache)
        return [found[key] for key, _ in page if key in found]
