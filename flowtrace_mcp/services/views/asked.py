"""What the words of a question leave of a view: its rows, and the time it looks at."""

from collections.abc import Collection
from dataclasses import replace
from typing import Final

from flowtrace_mcp.analytics.span_questions import SpanQuestion
from flowtrace_mcp.services.views.rows import Row, Rows

_US_A_MS: Final = 1000


def within(asked: SpanQuestion, window_us: tuple[int, int]) -> tuple[int, int]:
    """Return the part of a window that a question is about; of one outside of it, nothing."""
    since_us = max(window_us[0], asked.since_us or window_us[0])
    until_us = min(window_us[1], window_us[1] if asked.until_us is None else asked.until_us)
    return since_us, max(until_us, since_us)


def matching(rows: Rows, asked: SpanQuestion, limit: int, spans: Collection[bytes] = ()) -> Rows:
    """Return the first rows that hold every word of a question and keep to its limits.

    A limit holds for rows that tell the number it is about.

    Args:
        rows: Of a view.
        asked: The question.
        limit: Most rows.
        spans: Ids of spans that are known to hold the words, whether or not their rows show them.
    """
    words = [word.lower() for word in (*asked.words, *asked.models, *asked.tools)]
    held = {span_id.hex() for span_id in spans}
    found = [
        row
        for row in rows.rows
        if (row.get("span") in held or _holds(row, words)) and _keeps_to(row, asked)
    ]
    return noted(replace(rows, rows=found[:limit]), read_as(asked))


def noted(rows: Rows, *notes: str) -> Rows:
    """Return rows with something said of them before what was said already."""
    return replace(rows, note="; ".join(note for note in (*notes, rows.note) if note))


def read_as(asked: SpanQuestion) -> str:
    """Return how a question was read, "" where nothing in it was more than words."""
    return f"read as: {', '.join(asked.understood)}" if asked.understood else ""


def _holds(row: Row, words: list[str]) -> bool:
    return all(any(word in str(value).lower() for value in row.values()) for word in words)


def _keeps_to(row: Row, asked: SpanQuestion) -> bool:
    tokens = _number(row, "in") + _number(row, "out")
    return (
        ("ms" not in row or _is_between(row, "ms", asked.min_duration_us, asked.max_duration_us))
        and tokens >= (asked.min_tokens or 0)
        and (asked.max_tokens is None or tokens <= asked.max_tokens)
        and _number(row, "usd") >= (asked.min_cost_usd or 0)
        and (asked.max_cost_usd is None or _number(row, "usd") <= asked.max_cost_usd)
    )


def _is_between(row: Row, name: str, least_us: int | None, most_us: int | None) -> bool:
    duration_us = _number(row, name) * _US_A_MS
    return duration_us >= (least_us or 0) and (most_us is None or duration_us <= most_us)


def _number(row: Row, name: str) -> float:
    value = row.get(name)
    return value if isinstance(value, int | float) else 0.0
