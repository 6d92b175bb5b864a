"""Which version of which prompt a model call was made with, one narrow row a call that says so."""

from collections.abc import Sequence
from typing import Final

import apsw

from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE prompt_calls (
        edge_key INTEGER PRIMARY KEY,
        prompt_id INTEGER NOT NULL
    ) STRICT;
"""
_INSERT: Final = "INSERT INTO prompt_calls (edge_key, prompt_id)"
_DELETE: Final = "DELETE FROM prompt_calls WHERE edge_key IN carray(?)"

PromptCallRow = tuple[int, int]


def insert_prompt_calls(connection: apsw.Connection, rows: Sequence[PromptCallRow]) -> None:
    """Insert rows (edge key, number of the prompt's name and version in the dictionary)."""
    insert_rows(connection, _INSERT, rows)


def delete_prompt_calls(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove rows by edge key."""
    connection.execute(_DELETE, (int_array(keys),))
