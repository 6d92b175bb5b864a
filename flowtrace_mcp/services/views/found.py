"""Spans that a question in words is about, each with the place where it holds one of them."""

from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.find_spans import FoundEdge
from flowtrace_mcp.services.span_rows import SpanRow, span_rows
from flowtrace_mcp.services.views.rows import (
    MESSAGE_CHARACTERS,
    NAME_CHARACTERS,
    Row,
    Rows,
    full,
    ms,
    usd,
)

_READ_CHARACTERS: Final = 2_000
_BEFORE: Final = 40  # characters of a text that are shown before a word, and behind its beginning
_BEHIND: Final = 100
_ENDING: Final = 3  # so much of a word may be its ending: the index knows stems


def found_rows(context: Context, found: Sequence[FoundEdge], words: Sequence[str]) -> Rows:
    """Return spans in their order, with what they say around the words asked for."""
    read = span_rows(context, found, preview_characters=_READ_CHARACTERS)
    return Rows(rows=[_row(row, [word.lower() for word in words]) for row in read])


def _row(row: SpanRow, words: Sequence[str]) -> Row:
    tokens = row.tokens
    put_in = sum(one or 0 for one in (tokens.input, tokens.cache_read, tokens.cache_write))
    return full(
        {
            "trace": row.trace_id,
            "span": row.span_id,
            "name": one_line(row.display, NAME_CHARACTERS),
            "start": iso_time(row.start_us),
            "ms": ms(row.duration_us),
            "tool": row.tool,
            "model": row.model,
            "in": put_in,
            "out": tokens.output or 0,
            "usd": usd(row.cost_usd),
            "error": one_line(row.error or "", MESSAGE_CHARACTERS),
            "says": _around(words, (row.input_preview or "", row.output_preview or "")),
        }
    )


def _around(words: Sequence[str], texts: Sequence[str]) -> str:
    """Return the piece of the first text that holds one of some words, else how a text begins."""
    for text in texts:
        plain = text.lower()
        for word in words:
            stem = word[: max(len(word) - _ENDING, _ENDING + 1)]
            at = plain.find(word)
            at = plain.find(stem) if at < 0 else at
            if at >= 0:
                start = max(at - _BEFORE, 0)
                dots = "…" if start else ""
                return dots + one_line(text[start : at + _BEHIND], _BEFORE + _BEHIND)
    return one_line(next((text for text in texts if text), ""), _BEHIND)
