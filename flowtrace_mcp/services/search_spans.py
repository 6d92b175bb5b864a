"""Find the spans that a question in plain words is about: ``errors of Bash last hour deploy``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.analytics.span_questions import SpanQuestion, read_span_question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.find_spans import FoundEdge, SpanQuery, find_spans, known_names
from flowtrace_mcp.services.listing import Position, Window

ROUNDS_MOST: Final = 10  # pages that may be empty; each looks at some 20,000 spans


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """A question, and within what; "" = everything."""

    query: str
    project: str = ""
    session: str = ""
    window_us: tuple[int | None, int | None] = (None, None)
    limit: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchAnswer:
    """Spans newest first, how the question was read, and what is to be known of the answer."""

    asked: SpanQuestion
    spans: Sequence[FoundEdge]
    has_more: bool
    note: str = ""


def search_spans(context: Context, request: SearchRequest) -> SearchAnswer:
    """Return the newest spans that keep to every limit and hold every word of a question.

    Raises:
        InputError: Words are asked for where nothing is indexed.
    """
    asked = read_span_question(request.query, context.now_us(), known_names(context))
    return search_asked(context, asked, request)


def search_asked(context: Context, asked: SpanQuestion, request: SearchRequest) -> SearchAnswer:
    """Return the same for a question that is read already."""
    query = query_of(asked, request)
    spans: list[FoundEdge] = []
    position: Position | None = None
    for _ in range(ROUNDS_MOST):
        page = find_spans(context, query, position, request.limit - len(spans))
        spans += page.items
        position = page.next
        if position is None or len(spans) >= request.limit:
            break
    return SearchAnswer(
        asked=asked,
        spans=spans,
        has_more=position is not None,
        note=unread_note(context) if asked.words else "",
    )


def query_of(asked: SpanQuestion, request: SearchRequest) -> SpanQuery:
    """Return the filters that a question amounts to."""
    since_us, until_us = request.window_us
    since_us = max((one for one in (since_us, asked.since_us) if one is not None), default=None)
    until_us = min((one for one in (until_us, asked.until_us) if one is not None), default=None)
    return SpanQuery(
        window=Window(since_us=since_us, until_us=until_us),
        text=" ".join(asked.words),
        session=request.session,
        project=request.project,
        models=tuple(asked.models),
        tools=tuple(asked.tools),
        status="error" if asked.is_error else "",
        min_duration_us=asked.min_duration_us,
        max_duration_us=asked.max_duration_us,
        min_tokens=asked.min_tokens,
        max_tokens=asked.max_tokens,
        min_cost_usd=asked.min_cost_usd,
        max_cost_usd=asked.max_cost_usd,
    )


def unread_note(context: Context) -> str:
    """Return what is to be said while words of spans are still being read, "" as a rule."""
    waiting = context.store.span_texts.count_unread()
    return f"the words of {waiting} spans are still being read" if waiting else ""
