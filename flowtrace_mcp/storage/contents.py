"""Content-addressed bytes: resources, scopes and long attribute values, each kept once."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

import apsw

from flowtrace_mcp.storage.compression import compress, decompress
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE contents (
        content_id INTEGER PRIMARY KEY,
        data BLOB NOT NULL
    ) STRICT;
"""
_INSERT: Final = "INSERT INTO contents (content_id, data)"
_ONCE: Final = "ON CONFLICT (content_id) DO NOTHING"
_KNOWN: Final = "SELECT content_id FROM contents WHERE content_id IN carray(?)"
_GET: Final = "SELECT content_id, data FROM contents WHERE content_id IN carray(?)"


def content_id(data: bytes) -> int:
    """Return the signed 64-bit address of some bytes: blake2b, 8 bytes."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def insert_contents(connection: apsw.Connection, contents: Mapping[int, bytes]) -> None:
    """Keep those contents that are not there yet, compressed."""
    if not contents:
        return
    known = {row[0] for row in connection.execute(_KNOWN, (int_array(contents),))}
    rows = [(key, compress(data)) for key, data in contents.items() if key not in known]
    insert_rows(connection, _INSERT, rows, _ONCE)


def get_contents(reader: apsw.Connection, ids: Iterable[int]) -> Mapping[int, bytes]:
    """Return content id -> bytes for those that are there."""
    wanted = tuple(set(ids))
    if not wanted:
        return {}
    return {key: decompress(data) for key, data in reader.execute(_GET, (int_array(wanted),))}
