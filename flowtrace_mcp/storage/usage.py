"""Model, tokens and cost, one row a span that tells any, or that calls a model by its name."""

from collections.abc import Iterable, Sequence
from typing import Final

import apsw
import msgspec

from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE usage (
        edge_key INTEGER PRIMARY KEY,
        model_id INTEGER NOT NULL,
        provider_id INTEGER NOT NULL,
        input_tokens INTEGER,
        cache_read_tokens INTEGER,
        cache_write_tokens INTEGER,
        output_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost_usd REAL
    ) STRICT;
"""
_INSERT: Final = (
    "INSERT INTO usage (edge_key, model_id, provider_id, input_tokens, cache_read_tokens,"
    " cache_write_tokens, output_tokens, reasoning_tokens, cost_usd)"
)
_GET: Final = """
    SELECT edge_key, model_id, provider_id, input_tokens, cache_read_tokens,
        cache_write_tokens, output_tokens, reasoning_tokens, cost_usd
    FROM usage WHERE edge_key IN carray(?)
"""
_UPDATE_COST: Final = "UPDATE usage SET cost_usd = ? WHERE edge_key = ?"
_DELETE: Final = "DELETE FROM usage WHERE edge_key IN carray(?)"

UsageRow = tuple[
    int, int, int, int | None, int | None, int | None, int | None, int | None, float | None
]


class StoredUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Usage of one span; model and provider are numbers of the string dictionary."""

    model_id: int
    provider_id: int
    tokens: TokenUsage
    cost_usd: float | None


def insert_usage(connection: apsw.Connection, rows: Sequence[UsageRow]) -> None:
    """Insert rows in the order of the table's columns."""
    insert_rows(connection, _INSERT, rows)


def list_usage_rows(reader: apsw.Connection, keys: Sequence[int]) -> list[UsageRow]:
    """Return rows as they lie on disk, for the keys that have any."""
    return list(reader.execute(_GET, (int_array(keys),)))


def get_usage(reader: apsw.Connection, keys: Sequence[int]) -> dict[int, StoredUsage]:
    """Return edge key -> usage, for the keys that have any."""
    return usage_by_key(list_usage_rows(reader, keys))


def usage_by_key(rows: Iterable[UsageRow]) -> dict[int, StoredUsage]:
    """Return edge key -> usage; a call that told none, as a failed one, has none."""
    return {
        row[0]: StoredUsage(
            model_id=row[1],
            provider_id=row[2],
            tokens=TokenUsage(
                input=row[3],
                cache_read=row[4],
                cache_write=row[5],
                output=row[6],
                reasoning=row[7],
            ),
            cost_usd=row[8],
        )
        for row in rows
        if any(value is not None for value in row[3:])
    }


def update_cost(connection: apsw.Connection, key: int, cost_usd: float) -> None:
    """Give the usage of an edge key another cost."""
    connection.execute(_UPDATE_COST, (cost_usd, key))


def delete_usage(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove usage by edge key."""
    connection.execute(_DELETE, (int_array(keys),))
