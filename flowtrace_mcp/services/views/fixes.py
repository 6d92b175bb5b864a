"""How an error was fixed before: by what somebody remembered, or by what a session did then."""

from collections.abc import Iterator, Sequence
from typing import Final

from flowtrace_mcp.analytics.fingerprints import general_form
from flowtrace_mcp.analytics.instructions import reads_as_instruction
from flowtrace_mcp.analytics.ranking import rank
from flowtrace_mcp.analytics.span_words import question_words
from flowtrace_mcp.model.memory import Memory, MemoryFilter, MemoryKind
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import HOUR_US, iso_time
from flowtrace_mcp.services.candidates import find_candidates
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.find_spans import FoundEdge, SpanQuery, find_spans
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.showing import without_secrets
from flowtrace_mcp.services.strict_recall import sure_of
from flowtrace_mcp.services.tool_runs import tool_runs
from flowtrace_mcp.services.trace_reading import TraceReading, read_trace
from flowtrace_mcp.services.views.afterwards import Afterwards
from flowtrace_mcp.services.views.errors import ErrorKind, fingerprint_of
from flowtrace_mcp.services.views.rows import MESSAGE_CHARACTERS, error_of
from flowtrace_mcp.storage.traces import Page

# Looking beyond the traces at hand takes some milliseconds a kind; the latest are worth it.
KINDS_LOOKED_UP: Final = 5
MEMORIES_LOOKED_AT: Final = 200
EARLIER_SPANS: Final = 20
# Of a session the traces after the one with the failure: so many, if they begin within an hour.
TRACES_AFTER: Final = 3
TRACES_LISTED: Final = 200
MENDED_WITHIN_US: Final = HOUR_US
_QUERY_CHARACTERS: Final = 300
_WORDS_IN_COMMON: Final = 2
_WORDS_ASKED: Final = 6
_KINDS: Final = (MemoryKind.FIX, MemoryKind.GOTCHA)


class Fixes:
    """Says of kinds of errors how they were fixed before.

    A memory that was written by the failed span is surest, then one of its session that speaks of
    it, then what an earlier error of the kind was followed by, then a memory that surely answers,
    and last what another session did.

    Args:
        context: The means of the program.
        caller: Whose memories may be told.
    """

    def __init__(self, context: Context, caller: Caller) -> None:
        self._context = context
        place = place_of(context, caller)
        self._wanted = MemoryFilter(place=place, kinds=_KINDS, now_us=context.now_us())
        self._remembered: Sequence[Memory] | None = None
        self._left = KINDS_LOOKED_UP

    def said_of(self, kind: ErrorKind, after: Afterwards) -> str:
        """Return how a kind of error was fixed, "" where nobody knows."""
        told = self._bound(kind) or _earlier(kind, after)
        if told or not self._left:
            return told
        self._left -= 1
        is_mended = bool(after.mended(kind.last))
        return self._recalled(kind) or ("" if is_mended else self._elsewhere(kind))

    def _bound(self, kind: ErrorKind) -> str:
        """Return a fix that was remembered by a failed span, or in its session and about it."""
        if self._remembered is None:
            recent = self._context.store.memories.list_recent(self._wanted, MEMORIES_LOOKED_AT)
            self._remembered = [memory for _, memory in recent]
        spans = {span.record.span_id for span in kind.spans}
        sessions = {span.facts.session for span in kind.spans} - {""}
        asked = set(question_words(_query(kind).split()))
        for memory in self._remembered:
            if memory.span_id and memory.span_id in spans:
                return self._told(memory)
            if memory.session in sessions:
                held = set(question_words(memory.content.split()))
                if len(asked & held) >= _WORDS_IN_COMMON:
                    return self._told(memory)
        return ""

    def _recalled(self, kind: ErrorKind) -> str:
        """Return a fix or gotcha that surely answers what went wrong."""
        query = _query(kind)
        found = find_candidates(self._context, query, self._wanted)
        ranked = rank(found.candidates, query=query, terms=found.terms, now_us=self._wanted.now_us)
        sure = sure_of(self._context, query, self._wanted, ranked)
        memories = self._context.store.memories.get_memories([one.key for one in sure[:1]])
        return next((self._told(memory) for memory in memories.values()), "")

    def _told(self, memory: Memory) -> str:
        shown = without_secrets(memory, self._context.settings.redact)
        if reads_as_instruction(shown.content):
            return ""
        return f"{one_line(shown.content, MESSAGE_CHARACTERS)} (memory {shown.handle})"

    def _elsewhere(self, kind: ErrorKind) -> str:
        """Return how the same call came to work where the error is of an earlier session."""
        for one in self._earlier_spans(kind):
            readings = list(self._from(one))
            failed = next(
                (
                    span
                    for reading in readings
                    for span in reading.spans
                    if span.record.span_id == one.edge.span_id
                ),
                None,
            )
            if failed is None or fingerprint_of(failed)[0] != kind.fingerprint:
                continue
            if mended := Afterwards(tool_runs(readings)).mended(failed):
                return f"{iso_time(failed.record.start_us)[:10]}: {mended}"
        return ""

    def _earlier_spans(self, kind: ErrorKind) -> Sequence[FoundEdge]:
        first = kind.spans[0]
        tool = first.facts.tool_name
        if not tool or not self._context.store.span_texts.is_on:
            return ()
        words = question_words(general_form(error_of(first)).split())
        query = SpanQuery(
            window=Window(until_us=first.record.start_us),
            text=" ".join([word for word in words if word.isalpha()][:_WORDS_ASKED]),
            project=str(first.edge.project_id),
            tools=(tool,),
            status="error",
        )
        return find_spans(self._context, query, None, EARLIER_SPANS).items

    def _from(self, one: FoundEdge) -> Iterator[TraceReading]:
        """Yield the trace of a failed span and those that followed it in its session."""
        reading = read_trace(self._context, one.edge.trace_id)
        if reading is None:
            return
        yield reading
        if not reading.session:
            return
        until_us = reading.start_us + MENDED_WITHIN_US
        page = Page(limit=TRACES_LISTED, since_us=reading.start_us + 1, before_us=until_us)
        later = self._context.store.spans.list_traces(page, session=reading.session)
        for row in later[::-1][:TRACES_AFTER]:
            following = read_trace(self._context, row.trace_id)
            if following is not None:
                yield following


def _earlier(kind: ErrorKind, after: Afterwards) -> str:
    """Return how the last error of the kind but the latest came to be mended."""
    for span in reversed(kind.spans[:-1]):
        if mended := after.mended(span):
            return f"{iso_time(span.record.start_us)[:10]}: {mended}"
    return ""


def _query(kind: ErrorKind) -> str:
    said = general_form(error_of(kind.last))
    return f"{kind.name} {kind.error_type} {said}"[:_QUERY_CHARACTERS]
