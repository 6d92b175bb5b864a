"""Which version of which prompt a model call was made with, one narrow row a call that says so."""

import struct
from collections.abc import Sequence
from typing import Any, Final

import apsw

from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.edges import KEY_BITS
from flowtrace_mcp.storage.measures import NAMES, measures_from, sum_values
from flowtrace_mcp.storage.rows import insert_rows, int_array
from flowtrace_mcp.storage.span_rows import measures_of
from flowtrace_mcp.storage.use_hours import UseFilter, UseSum, span_values

CREATE: Final = """
    CREATE TABLE prompt_calls (
        edge_key INTEGER PRIMARY KEY,
        prompt_id INTEGER NOT NULL
    ) STRICT;
"""
_INSERT: Final = "INSERT INTO prompt_calls (edge_key, prompt_id)"
_DELETE: Final = "DELETE FROM prompt_calls WHERE edge_key IN carray(?)"
# By prompt, day, and type, status, kind, environment, sensitivity and flags of the edge.
_USES: Final = f"""
    SELECT p.prompt_id, (p.edge_key >> {KEY_BITS}) - (p.edge_key >> {KEY_BITS}) % {DAY_US},
        substr(e.edge, 111, 8), count(*),
        sum(u.cost_usd IS NULL AND coalesce(u.input_tokens, u.cache_read_tokens,
            u.cache_write_tokens, u.output_tokens, u.reasoning_tokens) IS NOT NULL),
        sum(u.input_tokens), sum(u.cache_read_tokens), sum(u.cache_write_tokens),
        sum(u.output_tokens), sum(u.reasoning_tokens), sum(u.cost_usd)
    FROM prompt_calls AS p JOIN edges AS e ON e.edge_key = p.edge_key
        LEFT JOIN usage AS u ON u.edge_key = p.edge_key
    WHERE p.edge_key >= ? AND p.edge_key < ? AND (? OR e.project_id = ?)
        AND (? OR u.model_id = ?) AND (? OR substr(e.edge, 57, 8) = ?)
    GROUP BY 1, 2, 3
"""
_WORDS: Final = struct.Struct("<HBBBBH")  # of the edge, from its type to its flags
_COUNTS: Final = NAMES.index("input_tokens")  # the columns before it count spans
_MODEL_CALLS: Final = NAMES.index("model_call_count")

PromptCallRow = tuple[int, int]


def insert_prompt_calls(connection: apsw.Connection, rows: Sequence[PromptCallRow]) -> None:
    """Insert rows (edge key, number of the prompt's name and version in the dictionary)."""
    insert_rows(connection, _INSERT, rows)


def delete_prompt_calls(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove rows by edge key."""
    connection.execute(_DELETE, (int_array(keys),))


def list_prompt_uses(reader: apsw.Connection, wanted: UseFilter) -> list[UseSum]:
    """Return what calls used by the version of their prompt (first) and day (second)."""
    sums: dict[tuple[int, int], list[tuple[Any, ...]]] = {}
    for prompt_id, day_us, words, span_count, unpriced, *used in reader.execute(
        _USES, span_values(wanted)
    ):
        span_type, status, _, _, _, flags = _WORDS.unpack(words)
        one = measures_of(span_type, status, flags, TokenUsage(*used[:5]), used[5])
        counts = (*(share * span_count for share in one[:_COUNTS]), *one[_COUNTS:])
        is_counted_call = one[_MODEL_CALLS] > 0
        sums.setdefault((prompt_id, day_us), []).append((unpriced * is_counted_call, *counts))
    return [
        UseSum(
            first=prompt_id,
            second=day_us,
            unpriced_count=summed[0],
            measures=measures_from(summed[1:]),
        )
        for (prompt_id, day_us), rows in sorted(sums.items())
        if (summed := sum_values(rows))
    ]
