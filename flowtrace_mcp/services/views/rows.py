"""Rows of trace answers: short keys, nothing empty, times in milliseconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.model.edge import EdgeFlag, SpanStatus
from flowtrace_mcp.model.text import one_line
from flowtrace_mcp.services.trace_reading import ReadSpan

Row = dict[str, object]

NAME_CHARACTERS: Final = 80
MESSAGE_CHARACTERS: Final = 200
USD_DIGITS: Final = 12
NO_ROW: Final = -1
_INDENT: Final = "  "
_SAID_BY_ZERO: Final = frozenset({"depth", "usd", "a", "b"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """An answer before it is cut: rows as they are read, and which matter most.

    Where ``worth`` is empty the first rows matter most. Else a row is shown only with the rows
    that it lies under, and each row is told how many below it were left out.
    """

    rows: Sequence[Row]
    note: str = ""
    worth: Sequence[float] = ()  # by row
    under: Sequence[int] = ()  # by row: the index of the row it lies under, NO_ROW for none


def full(row: Row) -> Row:
    """Return the row without what says nothing; depth 0 and a cost of 0 say something."""
    return {
        key: value
        for key, value in row.items()
        if value not in ("", None, 0) or (value == 0 and key in _SAID_BY_ZERO)
    }


def ms(duration_us: float) -> float:
    """Return milliseconds with one decimal."""
    return round(duration_us / 1000, 1)


def usd(cost_usd: float | None) -> float | None:
    """Return a cost without the digits that adding floats leaves behind it."""
    return None if cost_usd is None else round(cost_usd, USD_DIGITS)


def name_of(span: ReadSpan) -> str:
    """Return the name that a person knows a span by, in one line."""
    return one_line(span.facts.display or span.record.name, NAME_CHARACTERS)


def error_of(span: ReadSpan) -> str:
    """Return what a span says went wrong, "" when nothing did."""
    if span.record.status != SpanStatus.ERROR and not span.facts.error_type:
        return ""
    said = span.facts.error_message or span.record.status_message or span.facts.error_type
    return said or "error"


def is_folded(span: ReadSpan) -> bool:
    """Say whether a span is an internal of its agent that views only count."""
    return bool(span.edge.flags & EdgeFlag.FOLDED)


def end_of(span: ReadSpan) -> int:
    """Return the end of a span, in microseconds."""
    return span.record.start_us + span.record.duration_us


def line_of(view: str, row: Row) -> str:
    """Return a row as one readable line."""
    if view == "tree" and "depth" in row:
        indent = _INDENT * int(str(row["depth"]))
        rest = {key: value for key, value in row.items() if key not in ("depth", "span", "name")}
        return f"{indent}{row.get('name', '')} {_words(rest)} [{row['span']}]"
    return _words(row)


def _words(row: Row) -> str:
    return " ".join(f"{key}={value}" for key, value in row.items())
