"""The text index of one database: filled in small commits, out of sight of who waits."""

from collections.abc import Mapping, Sequence

import apsw

from flowtrace_mcp.model.edge import Edge, unpack_edge
from flowtrace_mcp.storage import edges, meta, span_text
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.span_search import SpanFilter, SpanPage, search_spans


class SpanTextStore:
    """What is indexed, and what waits to be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_unread(self, batches: int) -> list[tuple[int, tuple[int, ...]]]:
        """Return (batch, keys of edges) that wait, the newest batch first."""
        with self._database.reading() as reader:
            return span_text.list_unread(reader, batches)

    def search(self, wanted: SpanFilter, before: int | None, limit: int) -> SpanPage:
        """Return spans newest first; see ``span_search.search_spans``."""
        with self._database.snapshot() as reader:
            return search_spans(reader, wanted, before, limit)

    def count_unread(self) -> int:
        """Return how many spans wait, some of them perhaps twice."""
        with self._database.reading() as reader:
            return span_text.count_unread(reader)

    def last_batch(self) -> int:
        """Return the number of the last batch that ever came: another one means more came."""
        with self._database.reading() as reader:
            return span_text.last_batch(reader)

    def list_edges(self, keys: Sequence[int]) -> list[tuple[int, Edge]]:
        """Return those edges of some keys that are there."""
        with self._database.reading() as reader:
            found = edges.list_keyed_edges(reader, keys)
        return [(key, unpack_edge(record)) for key, record in found]

    def insert_documents(
        self, documents: Sequence[tuple[int, str]], waiting: Mapping[int, Sequence[int]]
    ) -> None:
        """Index spans, and let batches wait with the keys that are left of them.

        Args:
            documents: (edge key, words joined by blanks).
            waiting: Batch -> keys not read yet; a batch without any is done.
        """

        def job(connection: apsw.Connection) -> None:
            span_text.insert_documents(connection, documents)
            for batch_id, keys in waiting.items():
                span_text.set_unread(connection, batch_id, keys)

        self._database.submit(job, is_bulk=True).result()

    def merge(self) -> bool:
        """Do a bounded part of merging the index; say whether there may be more to do."""
        return self._database.submit(span_text.merge, is_bulk=True).result()

    def purge(self) -> None:
        """Take the words out of the index that only spans had which are gone, step by step."""
        self._database.write(lambda c: meta.update_meta(c, span_text.PURGE_OWED, "1"))
        self.finish_purge()

    def finish_purge(self) -> bool:
        """Do what a purge that was cut short still owes; say whether there was any."""
        with self._database.reading() as reader:
            if not meta.find_meta(reader, span_text.PURGE_OWED):
                return False
        self._database.submit(span_text.begin_purge, is_bulk=True).result()
        while self.merge():
            pass
        self._database.write(lambda c: meta.update_meta(c, span_text.PURGE_OWED, ""))
        return True

    def next_old_key(self) -> int | None:
        """Return the key below which spans are still to be read again; None when all are."""
        with self._database.reading() as reader:
            state = meta.find_meta(reader, span_text.STATE)
        return int(state) if state and state != span_text.OFF else None

    def note_old_spans(self, below_key: int, limit: int) -> None:
        """Let spans below a key wait that were there before anything was indexed."""

        def job(connection: apsw.Connection) -> None:
            keys = span_text.list_keys_before(connection, below_key, limit)
            meta.update_meta(connection, span_text.STATE, str(keys[-1]) if keys else "")
            span_text.note_unread(connection, keys)

        self._database.submit(job, is_bulk=True).result()

    @property
    def is_on(self) -> bool:
        """Say whether spans are indexed in this file."""
        with self._database.reading() as reader:
            return meta.find_meta(reader, span_text.STATE) != span_text.OFF

    def switch(self, *, is_on: bool) -> None:
        """Begin to index, from the newest span back; or end it, and empty the index."""
        if is_on == self.is_on:
            return

        def job(connection: apsw.Connection) -> None:
            state = str(span_text.ALL_KEYS) if is_on else span_text.OFF
            meta.update_meta(connection, span_text.STATE, state)
            if not is_on:
                span_text.clear(connection)

        self._database.write(job)
