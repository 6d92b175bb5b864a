"""Spans by what they are: every filter in one statement, newest first, a bounded look at a time.

What narrows most leads: words by the text index, a trace, a session, failures, a project, else
time. Everything else is asked of each row, in SQLite: fields of the edge as its bytes. Where a
model, a tool, an agent or an environment is asked for, the roll-up of uses tells in which hours
there was any, and no other hour is looked at.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import apsw

from flowtrace_mcp.analytics.words import quoted
from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage.edges import KEY_BITS, first_key
from flowtrace_mcp.storage.rows import int_array
from flowtrace_mcp.storage.span_text import (
    KEY_OF_DOCUMENT,
    STEP_BITS,
    STEPS_LIMIT,
    project_word,
    session_word,
)

# Of so many spans at most one answer is chosen; the next page goes on behind them.
SCAN_LIMIT: Final = 20_000
HOURS_LIMIT: Final = 200  # of those in which something was used, looked at for one page
# A document lies where its span starts, or behind it where that place was taken.
_SHIFTED: Final = STEPS_LIMIT + 1
FOREVER_US: Final = 2**52

_COLUMNS: Final = "edge_key AS place, edge_key, project_id, edge"
_IN_TIME: Final = "edge_key >= :first AND edge_key < :before ORDER BY edge_key DESC LIMIT :scan"
_OF_TIME: Final = f"SELECT {_COLUMNS} FROM edges WHERE {_IN_TIME}"
_OF_PROJECT: Final = f"SELECT {_COLUMNS} FROM edges WHERE project_id = :project AND {_IN_TIME}"
_OF_SESSION: Final = f"SELECT {_COLUMNS} FROM edges WHERE session_id = :session AND {_IN_TIME}"
_OF_TRACE: Final = f"SELECT {_COLUMNS} FROM edges WHERE trace_id = :trace AND {_IN_TIME}"
# The words before AND are those of the partial index in ``edges.py``.
_FAILED: Final = f"""
    SELECT {_COLUMNS} FROM edges INDEXED BY edges_failed
    WHERE substr(edge, 113, 1) = x'02' AND {_IN_TIME}
"""
_OF_WORDS: Final = f"""
    SELECT d.document_id AS place, e.edge_key, e.project_id, e.edge
    FROM span_text
        CROSS JOIN span_documents AS d ON d.document_id = span_text.rowid
        CROSS JOIN edges AS e ON e.edge_key = {KEY_OF_DOCUMENT}
    WHERE span_text MATCH :match AND span_text.rowid >= :first AND span_text.rowid < :before
    ORDER BY span_text.rowid DESC LIMIT :scan
"""
# The rows come in the order of the inner statement, which is cut after so many of them.
_CHOOSE: Final = "SELECT place, edge_key, edge FROM ({inner}) AS led{where} LIMIT :limit"
_END: Final = "SELECT count(*), min(place) FROM ({inner}) AS led"
_USED: Final = """
    SELECT hour_us FROM use_hours WHERE hour_us >= :from_hour AND hour_us < :to_hour{where}
    UNION SELECT hour_us FROM stale_hours WHERE hour_us >= :from_hour AND hour_us < :to_hour
    ORDER BY hour_us DESC LIMIT :hours
"""

_OF_USAGE: Final = """ AND EXISTS (
    SELECT 1 FROM usage AS u WHERE u.edge_key = led.edge_key AND {what})"""
_OF_TOOL: Final = """ AND EXISTS (
    SELECT 1 FROM tool_calls AS c WHERE c.edge_key = led.edge_key AND c.tool_id IN carray(:tools))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFilter:
    """Which spans; None, 0 and empty ask for nothing."""

    since_us: int = 0
    until_us: int = FOREVER_US  # the first microsecond that is left out
    words: tuple[str, ...] = ()  # from ``question_words``; all of them
    trace_id: bytes = b""
    session_id: int = 0  # unsigned
    project_id: int | None = None
    tenant_id: int | None = None
    agent_id: int | None = None  # signed numbers of the dictionary, as the next three
    provider_id: int | None = None
    model_ids: tuple[int, ...] = ()  # any of them
    tool_ids: tuple[int, ...] = ()  # any of them
    span_types: tuple[int, ...] = ()  # any of them
    status: int | None = None
    environment: int | None = None
    sensitivity: int = 0  # any of these bits
    not_sensitivity: int = 0  # none of these bits
    is_root: bool = False
    min_duration_us: int | None = None  # limits are included
    max_duration_us: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None
    min_confidence: float | None = None  # from 0 to 1


class FoundSpan(NamedTuple):
    """A span of a page: where the list goes on behind it, its key and its 128 bytes."""

    place: int
    edge_key: int
    edge: bytes


class SpanPage(NamedTuple):
    """Spans newest first; ``next`` is the place to go on from, None at the end."""

    spans: Sequence[FoundSpan]
    next: int | None


def search_spans(
    reader: apsw.Connection, wanted: SpanFilter, before: int | None, limit: int
) -> SpanPage:
    """Return at most ``limit`` spans, newest first.

    Fewer do not mean that there are no more: a page looks at a bounded number of spans.

    Args:
        reader: A read connection.
        wanted: Which spans.
        before: ``next`` of the page before; None at the beginning.
        limit: At most so many.
    """
    found: list[FoundSpan] = []
    scan_left = SCAN_LIMIT
    for count, (first, end) in enumerate(_stretches(reader, wanted, before)):
        page = _choose(reader, wanted, (first, end), (limit - len(found), scan_left))
        found += page.spans
        if page.next is not None:
            return SpanPage(found, page.next)
        scan_left -= page.looked_at
        if scan_left <= 0 or count >= HOURS_LIMIT:
            return SpanPage(found, first)
    return SpanPage(found, None)


class _Chosen(NamedTuple):
    spans: Sequence[FoundSpan]
    next: int | None  # where this stretch goes on
    looked_at: int


def _choose(
    reader: apsw.Connection, wanted: SpanFilter, places: tuple[int, int], most: tuple[int, int]
) -> _Chosen:
    limit, scan = most
    inner = _leading(wanted)
    where, values = _conditions(wanted)
    values |= {"first": places[0], "before": places[1], "scan": scan}
    statement = _CHOOSE.format(inner=inner, where=where)
    rows = [FoundSpan(*row) for row in reader.execute(statement, values | {"limit": limit})]
    if len(rows) == limit:
        return _Chosen(rows, rows[-1].place, scan)
    count, last = next(iter(reader.execute(_END.format(inner=inner), values)))
    return _Chosen(rows, last if count == scan else None, count)


def _leading(wanted: SpanFilter) -> str:
    if wanted.words:
        return _OF_WORDS
    if wanted.trace_id:
        return _OF_TRACE
    if wanted.session_id:
        return _OF_SESSION
    if wanted.status == SpanStatus.ERROR:
        return _FAILED
    return _OF_TIME if wanted.project_id is None else _OF_PROJECT


def _stretches(
    reader: apsw.Connection, wanted: SpanFilter, before: int | None
) -> Iterator[tuple[int, int]]:
    """Yield the stretches of places to look at, the latest first."""
    first, end = first_key(wanted.since_us), first_key(wanted.until_us)
    if wanted.words:
        first, end = first >> STEP_BITS, (end >> STEP_BITS) + _SHIFTED
    end = end if before is None else min(end, before)
    where, values = _uses(wanted)
    if not where or wanted.words or wanted.trace_id or wanted.session_id:
        yield first, end
        return
    while first < end:
        hours = _hours_used(reader, where, values, (first, end))
        for first_us, end_us in _joined(hours):
            yield max(first, first_key(first_us)), min(end, first_key(end_us))
        if len(hours) < HOURS_LIMIT:
            return
        end = first_key(hours[-1])


def _hours_used(
    reader: apsw.Connection, where: str, values: dict[str, Any], keys: tuple[int, int]
) -> list[int]:
    first_us, end_us = (key >> KEY_BITS for key in keys)
    bounds = {
        "from_hour": first_us - first_us % HOUR_US,
        "to_hour": end_us + (keys[1] > first_key(end_us)),
        "hours": HOURS_LIMIT,
    }
    return [row[0] for row in reader.execute(_USED.format(where=where), values | bounds)]


def _joined(hours_us: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield hours that follow one another as one stretch, the latest first."""
    stretch: tuple[int, int] | None = None
    for hour_us in hours_us:
        if stretch is not None and hour_us + HOUR_US == stretch[0]:
            stretch = (hour_us, stretch[1])
            continue
        if stretch is not None:
            yield stretch
        stretch = (hour_us, hour_us + HOUR_US)
    if stretch is not None:
        yield stretch


def _uses(wanted: SpanFilter) -> tuple[str, dict[str, Any]]:
    """Return what an hour must have in the roll-up of uses so that such a span can be in it."""
    where, values = "", {}
    for column, value in (
        ("agent_id", wanted.agent_id),
        ("provider_id", wanted.provider_id),
        ("environment", wanted.environment),
    ):
        if value is not None:
            where += f" AND {column} = :{column}"
            values[column] = value
    for column, numbers in (("model_id", wanted.model_ids), ("tool_id", wanted.tool_ids)):
        if numbers:
            where += f" AND {column} IN carray(:{column})"
            values[column] = int_array(numbers)
    if where and wanted.project_id is not None:
        where += " AND project_id = :project_id"
        values["project_id"] = wanted.project_id
    return where, values


def _conditions(wanted: SpanFilter) -> tuple[str, dict[str, Any]]:
    """Return what each row is asked, and the values for it and for the leading statement."""
    values: dict[str, Any] = {}
    where = _of_fields(wanted, values) + _of_limits(wanted, values) + _of_uses(wanted, values)
    if wanted.words:
        where += " AND led.edge_key >= :since AND led.edge_key < :until"
        since, until = first_key(wanted.since_us), first_key(wanted.until_us)
        values |= {"match": _match(wanted), "since": since, "until": until}
    return where.replace(" AND ", " WHERE ", 1), values


def _match(wanted: SpanFilter) -> str:
    words = [*wanted.words]
    if wanted.session_id:
        words.append(session_word(wanted.session_id))
    elif wanted.project_id is not None:
        words.append(project_word(wanted.project_id))
    return " AND ".join(map(quoted, words))


def _of_fields(wanted: SpanFilter, values: dict[str, Any]) -> str:
    """Ask for equal bytes; offsets are those of ``docs/format/edge.md``, counted from 1."""
    where = ""
    for name, start, size, value in (
        ("trace_high", 41, 8, _high_half(wanted.trace_id)),
        ("trace_low", 1, 8, wanted.trace_id[8:] or None),
        ("session", 49, 8, _little(wanted.session_id or None, 8)),
        ("agent", 57, 8, _little(wanted.agent_id, 8)),
        ("tenant", 65, 8, _little(wanted.tenant_id, 8)),
        ("project", 109, 2, _little(wanted.project_id, 2)),
        ("status", 113, 1, _little(wanted.status, 1)),
        ("environment", 115, 1, _little(wanted.environment, 1)),
        ("parent", 17, 16, bytes(16) if wanted.is_root else None),
    ):
        if value is not None:
            where += f" AND substr(led.edge, {start}, {size}) = :at_{name}"
            values[f"at_{name}"] = value
    for at, span_type in enumerate(wanted.span_types):
        joint = " AND (" if at == 0 else " OR "
        where += f"{joint}substr(led.edge, 111, 2) = :type_{at}"
        values[f"type_{at}"] = _little(span_type, 2)
    where += ")" if wanted.span_types else ""
    for name, bits in (("", wanted.sensitivity), ("not ", wanted.not_sensitivity)):
        if bits:
            # Four bits: the hex digit of the byte is its number.
            digits = [f"{one:02X}" for one in range(16) if one & bits]
            listed = ", ".join(f"'{digit}'" for digit in digits)
            where += f" AND hex(substr(led.edge, 116, 1)) {name}IN ({listed})"
    values |= {
        "trace": int.from_bytes(wanted.trace_id[8:], "big", signed=True),
        "session": to_signed(wanted.session_id),
        "project": wanted.project_id,
    }
    return where


def _of_limits(wanted: SpanFilter, values: dict[str, Any]) -> str:
    where = ""
    for name, start, size, least, most in (
        ("us", 81, 8, wanted.min_duration_us, wanted.max_duration_us),
        ("tokens", 97, 4, wanted.min_tokens, wanted.max_tokens),
        ("confidence", 101, 4, _bits_of(wanted.min_confidence), None),
    ):
        if least is not None:
            where += f" AND {_at_least(f'min_{name}', (start, size), least, values)}"
        if most is not None:
            where += f" AND NOT {_at_least(f'max_{name}', (start, size), most + 1, values)}"
    return where


def _bits_of(number: float | None) -> int | None:
    """Return the bits of a 32-bit float, which have the order of the numbers from 0 up."""
    if number is None:
        return None
    return int.from_bytes(struct.pack("<f", min(max(number, 0.0), 1.0)), "little")


def _at_least(name: str, place: tuple[int, int], least: int, values: dict[str, Any]) -> str:
    """Return the question whether a little-endian number is at least another, byte by byte.

    SQLite has no function for it. The highest bytes are nearly always zero in both, so most rows
    are settled by two comparisons.
    """
    start, size = place
    if least >= 1 << (8 * size):
        return "0"
    told = max(least, 0).to_bytes(size, "little").rstrip(b"\0") or b"\0"
    question = ""
    for at, byte in enumerate(told):
        values[f"{name}_{at}"] = bytes([byte])
        column, value = f"substr(led.edge, {start + at}, 1)", f":{name}_{at}"
        if question:
            question = f"({column} > {value} OR ({column} = {value} AND {question}))"
        else:
            question = f"{column} >= {value}"
    above = size - len(told)
    if above:
        high = f"substr(led.edge, {start + len(told)}, {above}) <> zeroblob({above})"
        question = f"({high} OR {question})"
    return question


def _of_uses(wanted: SpanFilter, values: dict[str, Any]) -> str:
    where = ""
    for name, clause, value in (
        ("provider", "u.provider_id = :provider", wanted.provider_id),
        ("min_usd", "u.cost_usd >= :min_usd", wanted.min_cost_usd),
        ("max_usd", "u.cost_usd <= :max_usd", wanted.max_cost_usd),
    ):
        if value is not None:
            where += _OF_USAGE.format(what=clause)
            values[name] = value
    if wanted.model_ids:
        where += _OF_USAGE.format(what="u.model_id IN carray(:models)")
        values["models"] = int_array(wanted.model_ids)
    if wanted.tool_ids:
        where += _OF_TOOL
        values["tools"] = int_array(wanted.tool_ids)
    return where


def _little(number: int | None, size: int) -> bytes | None:
    if number is None:
        return None
    return (number % (1 << (8 * size))).to_bytes(size, "little")


def _high_half(trace_id: bytes) -> bytes | None:
    return trace_id[:8][::-1] or None
