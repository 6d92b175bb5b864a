"""What was used in each hour: sums by project, agent, environment, provider, model and tool.

New spans are added with the batch that brings them. Whatever else happens to spans of an hour
(sent again with other words, taken out, moved, priced anew) marks it as stale, and a stale hour
is counted again from its spans, in SQLite and at 1.7 us a span (``bench/use_hours.py``). An hour
holds the spans whose keys lie in it: a key is the start of its span, or microseconds later.
"""

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import apsw

from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.edges import first_key
from flowtrace_mcp.storage.measures import (
    ADDED,
    COLUMNS,
    DEFINITION,
    NAMES,
    Measures,
    measures_from,
    sum_values,
)
from flowtrace_mcp.storage.rows import insert_rows
from flowtrace_mcp.storage.span_rows import measures_of

CREATE: Final = f"""
    CREATE TABLE use_hours (
        hour_us INTEGER NOT NULL,
        project_id INTEGER NOT NULL,
        agent_id INTEGER NOT NULL,
        environment INTEGER NOT NULL,
        provider_id INTEGER NOT NULL,
        model_id INTEGER NOT NULL,
        tool_id INTEGER NOT NULL,
        unpriced_count INTEGER NOT NULL,{DEFINITION},
        PRIMARY KEY (hour_us, project_id, agent_id, environment, provider_id, model_id, tool_id)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE stale_hours (
        hour_us INTEGER PRIMARY KEY,
        marks INTEGER NOT NULL
    ) STRICT;
"""
_KEY: Final = "hour_us, project_id, agent_id, environment, provider_id, model_id, tool_id"
_HEAD: Final = f"INSERT INTO use_hours ({_KEY}, unpriced_count, {COLUMNS})"
_ADD: Final = f"""
    ON CONFLICT ({_KEY}) DO UPDATE SET
        unpriced_count = unpriced_count + excluded.unpriced_count, {ADDED}
"""
_SUMS: Final = "sum(unpriced_count), " + ", ".join(f"sum({name})" for name in NAMES)
# What is asked for becomes the first columns of the answer; made from these constants alone.
_ASKED: Final = {
    "model": "provider_id, model_id",
    "provider": "provider_id, 0",
    "agent": "agent_id, 0",
    "project": "project_id, 0",
    "environment": "environment, 0",
    "tool": "tool_id, 0",
    "day": "hour_us - hour_us % 86400000000, 0",
    "hour": "hour_us, 0",
    "nothing": "0, 0",
}
_OF_PROJECT: Final = "AND project_id = ?"
_OF_AGENT: Final = "AND agent_id = ?"
_OF_MODEL: Final = "AND model_id = ?"
_LIST: Final = f"""
    SELECT {{asked}}, {_SUMS} FROM use_hours
    WHERE hour_us >= ? AND hour_us < ? {{of}}
    GROUP BY 1, 2 ORDER BY 1, 2 LIMIT ?
"""
_HOURS: Final = """
    SELECT DISTINCT hour_us FROM use_hours WHERE hour_us > ? ORDER BY hour_us LIMIT ?
"""
_ROWS: Final = f"""
    SELECT {_KEY}, unpriced_count, {COLUMNS} FROM use_hours WHERE hour_us = ? ORDER BY {_KEY}
"""
_NAMES: Final = """
    SELECT DISTINCT model_id, tool_id, provider_id FROM use_hours WHERE hour_us >= ? LIMIT ?
"""
_MARK: Final = "INSERT INTO stale_hours (hour_us, marks)"
_AGAIN: Final = "ON CONFLICT (hour_us) DO UPDATE SET marks = marks + 1"
_UNLESS_MARKED: Final = "ON CONFLICT (hour_us) DO NOTHING"
_MARKS: Final = "SELECT marks FROM stale_hours WHERE hour_us = ?"
_STALE: Final = "SELECT hour_us FROM stale_hours ORDER BY hour_us DESC LIMIT ?"
_FRESH: Final = "DELETE FROM stale_hours WHERE hour_us = ?"
_CLEAR: Final = "DELETE FROM use_hours WHERE hour_us = ?"
# Agent, and type, status, kind, environment, sensitivity and flags, as they lie in the edge.
_COUNT: Final = """
    SELECT e.project_id, substr(e.edge, 57, 8), substr(e.edge, 111, 8),
        coalesce(u.provider_id, 0), coalesce(u.model_id, 0), coalesce(t.tool_id, 0),
        count(*), sum(u.cost_usd IS NULL AND coalesce(u.input_tokens, u.cache_read_tokens,
            u.cache_write_tokens, u.output_tokens, u.reasoning_tokens) IS NOT NULL), sum(u.input_tokens),
        sum(u.cache_read_tokens), sum(u.cache_write_tokens), sum(u.output_tokens),
        sum(u.reasoning_tokens), sum(u.cost_usd)
    FROM edges AS e
        LEFT JOIN usage AS u ON u.edge_key = e.edge_key
        LEFT JOIN tool_calls AS t ON t.edge_key = e.edge_key
    WHERE e.edge_key >= ? AND e.edge_key < ?
    GROUP BY 1, 2, 3, 4, 5, 6
"""
_WORDS: Final = struct.Struct("<HBBBBH")  # of the edge, from its type to its flags

UseRow: TypeAlias = tuple[Any, ...]  # in the order of the table's columns
Dimension: TypeAlias = Literal[
    "model", "provider", "agent", "project", "environment", "tool", "day", "hour", "nothing"
]
_COUNTS: Final = NAMES.index("input_tokens")  # the columns before it count spans
_MODEL_CALLS: Final = NAMES.index("model_call_count")
_ROUNDING: Final = 1e-9
_KEY_SIZE: Final = _KEY.count(",") + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UseFilter:
    """Which hours and whose; None = all."""

    since_us: int
    until_us: int  # first hour that is left out
    project_id: int | None = None
    agent_id: int | None = None  # signed numbers of the dictionary, as the next
    model_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedHour:
    """An hour as it was at one moment, and as its spans say it should have been."""

    hour_us: int
    marks: int  # how often it was marked as stale
    stored: Sequence[UseRow]
    counted: Sequence[UseRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class UseSum:
    """What was used under one value of a dimension."""

    first: int  # a number of the dictionary, a project's, an environment's or a time
    second: int  # the model under a provider, else 0
    unpriced_count: int  # model calls that told tokens and have no price
    measures: Measures


def span_values(wanted: UseFilter) -> tuple[Any, ...]:
    """Return the parameters that narrow a statement over spans: keys, project, model, agent."""
    project_id, model_id, agent_id = wanted.project_id, wanted.model_id, wanted.agent_id
    return (
        first_key(wanted.since_us),
        first_key(wanted.until_us),
        project_id is None,
        project_id or 0,
        model_id is None,
        model_id or 0,
        agent_id is None,
        b"" if agent_id is None else agent_id.to_bytes(8, "little", signed=True),
    )


def add_uses(connection: apsw.Connection, rows: Sequence[UseRow]) -> None:
    """Add what new spans use to the rows of their hours."""
    insert_rows(connection, _HEAD, rows, _ADD)


def mark_stale(connection: apsw.Connection, hours_us: Iterable[int]) -> None:
    """Note that hours must be counted again."""
    insert_rows(connection, _MARK, [(hour_us, 1) for hour_us in sorted(set(hours_us))], _AGAIN)


def list_stale(reader: apsw.Connection, limit: int) -> list[int]:
    """Return hours that must be counted again, the newest first."""
    return [row[0] for row in reader.execute(_STALE, (limit,))]


def list_hours(reader: apsw.Connection, after_us: int, limit: int) -> list[int]:
    """Return hours that have rows, from after one on."""
    return [row[0] for row in reader.execute(_HOURS, (after_us, limit))]


def list_uses(
    reader: apsw.Connection, by: Dimension, wanted: UseFilter, limit: int
) -> list[UseSum]:
    """Return sums by one dimension, in the order of its values."""
    of, values = "", []
    for clause, value in (
        (_OF_PROJECT, wanted.project_id),
        (_OF_AGENT, wanted.agent_id),
        (_OF_MODEL, wanted.model_id),
    ):
        if value is not None:
            of += f" {clause}"
            values.append(value)
    statement = _LIST.format(asked=_ASKED[by], of=of)
    rows = reader.execute(statement, (wanted.since_us, wanted.until_us, *values, limit))
    return [
        UseSum(first=row[0], second=row[1], unpriced_count=row[2], measures=measures_from(row[3:]))
        for row in rows
        if row[2] is not None
    ]


def list_used(reader: apsw.Connection, since_us: int, limit: int) -> list[tuple[int, int, int]]:
    """Return (model, tool, provider) as they were used together, 0 for none."""
    return list(reader.execute(_NAMES, (since_us, limit)))


def list_use_rows(reader: apsw.Connection, hour_us: int) -> list[UseRow]:
    """Return the rows of an hour as they are stored, by key."""
    return list(reader.execute(_ROWS, (hour_us,)))


def count_hour(reader: apsw.Connection, hour_us: int) -> list[UseRow]:
    """Return the rows of an hour as its spans say they should be, by key."""
    keys = (first_key(hour_us), first_key(hour_us + HOUR_US))
    sums: dict[tuple[int, ...], list[tuple[Any, ...]]] = {}
    for project_id, agent, words, *rest in reader.execute(_COUNT, keys):
        span_type, status, _, environment, _, flags = _WORDS.unpack(words)
        provider_id, model_id, tool_id, span_count, unpriced, *used = rest
        agent_id = int.from_bytes(agent, "little", signed=True)
        key = (hour_us, project_id, agent_id, environment, provider_id, model_id, tool_id)
        one = measures_of(span_type, status, flags, TokenUsage(*used[:5]), used[5])
        is_counted_call = one[_MODEL_CALLS] > 0
        values = (*(share * span_count for share in one[:_COUNTS]), *one[_COUNTS:])
        sums.setdefault(key, []).append((unpriced * is_counted_call, *values))
    return sorted((*key, *sum_values(rows)) for key, rows in sums.items())


def begin_count(connection: apsw.Connection, hour_us: int) -> None:
    """Note that an hour is being counted: the mark tells whether another process was faster."""
    insert_rows(connection, _MARK, [(hour_us, 1)], _UNLESS_MARKED)


def count_again(reader: apsw.Connection, hour_us: int) -> CountedHour:
    """Return what an hour should say; the reader is a snapshot, for counting may take seconds."""
    return CountedHour(
        hour_us=hour_us,
        marks=_marks(reader, hour_us),
        stored=list_use_rows(reader, hour_us),
        counted=count_hour(reader, hour_us),
    )


def put_counted(connection: apsw.Connection, hour: CountedHour) -> None:
    """Let an hour say what was counted, and what has been added to it since.

    It stays stale where something else than an addition came in between, and is left alone where
    another process has counted it meanwhile.
    """
    marks = _marks(connection, hour.hour_us)
    if not marks:
        return
    now = list_use_rows(connection, hour.hour_us)
    connection.execute(_CLEAR, (hour.hour_us,))
    insert_rows(connection, _HEAD, hour.counted)
    add_uses(connection, _added(hour.stored, now))
    if marks == hour.marks:
        connection.execute(_FRESH, (hour.hour_us,))
    else:  # who counts it at the same time must not take the mark away either
        mark_stale(connection, [hour.hour_us])


def _marks(reader: apsw.Connection, hour_us: int) -> int:
    return reader.execute(_MARKS, (hour_us,)).get or 0


def _added(before: Sequence[UseRow], after: Sequence[UseRow]) -> list[UseRow]:
    """Return what rows say more than they did."""
    old = {row[:_KEY_SIZE]: row[_KEY_SIZE:] for row in before}
    return [
        (
            *row[:_KEY_SIZE],
            *(
                value if not earlier or value is None else value - earlier
                for value, earlier in zip(row[_KEY_SIZE:], said, strict=True)
            ),
        )
        for row in after
        if (said := old.get(row[:_KEY_SIZE], (0,) * len(row[_KEY_SIZE:]))) != row[_KEY_SIZE:]
    ]


def are_equal(stored: Sequence[UseRow], counted: Sequence[UseRow]) -> bool:
    """Say whether two lists of rows tell the same; costs may differ by their rounding alone."""
    return len(stored) == len(counted) and all(
        one[:-1] == other[:-1] and _is_near(one[-1], other[-1])
        for one, other in zip(stored, counted, strict=True)
    )


def _is_near(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)
