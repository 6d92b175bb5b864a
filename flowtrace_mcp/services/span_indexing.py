"""The words of new spans put into the text index, in the background and a few spans a commit."""

from collections.abc import Mapping, Sequence
from typing import Final

from flowtrace_mcp.ingest.event_facts import EventFacts, event_facts_of
from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.ingest.span_documents import span_document
from flowtrace_mcp.ingest.span_extras import span_extras
from flowtrace_mcp.model.edge import Edge
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import SpanExtras, SpanRecord
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trace_reading import TOOL_EVENTS, decode_stored
from flowtrace_mcp.storage.span_text import link_word, project_word, session_word

SPANS_PER_COMMIT: Final = 64  # 2 ms of the writer, and as much again of merging
OLD_SPANS_PER_STEP: Final = 512
# While spans stream in, reading them takes a quarter of each second; else it goes on.
BUSY_LIMIT_US: Final = 250_000
IDLE_LIMIT_US: Final = 2_000_000
# Agents tell what a tool gave in log events, which may come some seconds after its span.
RETRY_US: Final = (5_000_000, 30_000_000)
LACKING_LIMIT: Final = 2_000
LINKS_LIMIT: Final = 100  # of one span
_EVENTS_LIMIT: Final = 1_000
_NO_EXTRAS: Final = SpanExtras()
_NO_EVENT: Final = EventFacts()

_Events = Mapping[str, EventFacts]  # by call id


class SpanIndexing:
    """Reads what waits, the newest first; the next run goes on.

    Whoever has to write meanwhile waits for one commit of ``SPANS_PER_COMMIT`` spans at most.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lacking: dict[int, tuple[int, int]] = {}  # edge key -> when to look again, how often

    def run_once(self) -> int:
        """Index what waits, for a part of a second; return how many spans were read."""
        texts = self._context.store.span_texts
        texts.switch(is_on=self._context.settings.span_search)
        if not self._context.settings.span_search:
            return 0
        texts.finish_purge()
        began_us, last, count = self._context.now_us(), texts.last_batch(), 0
        self._look_again(began_us)
        while done := self._read_some() or self._note_old():
            count += done
            texts.merge()
            limit_us = IDLE_LIMIT_US if texts.last_batch() == last else BUSY_LIMIT_US
            if self._context.now_us() - began_us > limit_us:
                break
        return count

    def _read_some(self) -> int:
        """Index at most ``SPANS_PER_COMMIT`` spans of the newest batches that wait."""
        keys: list[int] = []
        left: dict[int, Sequence[int]] = {}
        for batch_id, waiting in self._context.store.span_texts.list_unread(SPANS_PER_COMMIT):
            room = SPANS_PER_COMMIT - len(keys)
            if room <= 0:
                break
            keys += waiting[:room]
            left[batch_id] = waiting[room:]
        if left:
            self._index(keys, left)
        return len(keys)

    def _note_old(self) -> int:
        """Let some spans wait that were there before anything was indexed; say whether any did."""
        texts = self._context.store.span_texts
        below_key = texts.next_old_key()
        if below_key is None:
            return 0
        texts.note_old_spans(below_key, OLD_SPANS_PER_STEP)
        return 1

    def _look_again(self, now_us: int) -> None:
        """Read tools' runs again whose events had not come."""
        due = [key for key, (at_us, _) in self._lacking.items() if at_us <= now_us]
        for start in range(0, len(due), SPANS_PER_COMMIT):
            self._index(due[start : start + SPANS_PER_COMMIT], {})

    def _index(self, keys: Sequence[int], left: Mapping[int, Sequence[int]]) -> None:
        store = self._context.store
        keyed = store.span_texts.list_edges(keys)
        decoded = [
            (key, edge, *pair)
            for (key, edge), stored in zip(keyed, store.spans.get_spans(keyed), strict=True)
            if (pair := decode_stored(stored)) is not None
        ]
        told = self._events({record.trace_id for _, _, record, facts in decoded if _asks(facts)})
        documents = []
        for key, edge, record, facts in decoded:
            events = told.get(record.trace_id, {})
            self._note_lacking(key, facts, events)
            documents.append((key, _document(edge, record, facts, events)))
        store.span_texts.insert_documents(documents, left)

    def _note_lacking(self, key: int, facts: SpanFacts, events: _Events) -> None:
        """Look at a tool's run again later whose events are not there, twice at most."""
        _, tries = self._lacking.pop(key, (0, 0))
        is_lacking = _asks(facts) and facts.tool_call_id not in events
        if is_lacking and tries < len(RETRY_US) and len(self._lacking) < LACKING_LIMIT:
            self._lacking[key] = (self._context.now_us() + RETRY_US[tries], tries + 1)

    def _events(self, trace_ids: set[bytes]) -> dict[bytes, _Events]:
        """Return what log events tell of the tools of some traces."""
        found: dict[bytes, _Events] = {}
        for trace_id in trace_ids:
            logs = self._context.store.list_trace_events(trace_id, TOOL_EVENTS, _EVENTS_LIMIT)
            records = (read_log(one.data) for one in logs)
            facts = [event_facts_of(one) for one in records if one.trace_id == trace_id]
            found[trace_id] = {each.tool_call_id: each for each in facts if each.tool_call_id}
        return found


def _asks(facts: SpanFacts) -> bool:
    return bool(facts.tool_call_id) and facts.operation == "execute_tool"


def _document(edge: Edge, record: SpanRecord, facts: SpanFacts, events: _Events) -> str:
    has_extras = record.event_count or record.link_count
    extras = span_extras(record.raw, record.encoding) if has_extras else _NO_EXTRAS
    told = events.get(facts.tool_call_id, _NO_EVENT)
    words = span_document(record, facts, extras, told)
    links = [link_word(link.span_id) for link in extras.links[:LINKS_LIMIT]]
    own = (session_word(edge.session_id), project_word(edge.project_id))
    return " ".join((*own, *links, words))
