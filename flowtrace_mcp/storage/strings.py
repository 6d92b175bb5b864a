"""The dictionary: every string that stands as a 64-bit number elsewhere, kept once."""

from collections.abc import Iterable, Mapping
from typing import Final

import apsw

from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE strings (
        string_id INTEGER PRIMARY KEY,
        text TEXT NOT NULL
    ) STRICT;
"""
_INSERT: Final = "INSERT INTO strings (string_id, text)"
_ONCE: Final = "ON CONFLICT (string_id) DO NOTHING"
_GET: Final = "SELECT string_id, text FROM strings WHERE string_id IN carray(?)"


def insert_strings(connection: apsw.Connection, texts: Iterable[str]) -> None:
    """Keep strings that are not yet in the dictionary; "" is number 0 and needs no row."""
    rows = [(to_signed(string_id(text)), storable(text)) for text in texts if text]
    insert_rows(connection, _INSERT, rows, _ONCE)


def get_strings(reader: apsw.Connection, ids: Iterable[int]) -> Mapping[int, str]:
    """Return signed id -> string for those in the dictionary; 0 is always ""."""
    wanted = tuple(set(ids) - {0})
    found = {0: ""}
    if wanted:
        found.update(reader.execute(_GET, (int_array(wanted),)))
    return found
