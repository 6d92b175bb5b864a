"""Which tool a span ran, one narrow row an execution."""

from collections.abc import Sequence
from typing import Final

import apsw

from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE tool_calls (
        edge_key INTEGER PRIMARY KEY,
        tool_id INTEGER NOT NULL
    ) STRICT;
"""
_INSERT: Final = "INSERT INTO tool_calls (edge_key, tool_id)"
_DELETE: Final = "DELETE FROM tool_calls WHERE edge_key IN carray(?)"

ToolCallRow = tuple[int, int]


def insert_tool_calls(connection: apsw.Connection, rows: Sequence[ToolCallRow]) -> None:
    """Insert rows (edge key, number of the tool's name in the dictionary)."""
    insert_rows(connection, _INSERT, rows)


def delete_tool_calls(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove rows by edge key."""
    connection.execute(_DELETE, (int_array(keys),))
