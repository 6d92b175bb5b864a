"""Content-addressed bytes: resources, scopes and long attribute values, each kept once."""

import hashlib
import threading
from collections import OrderedDict
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
# Who may need a content: a payload, a pack, a log record. Each look is one step in an index.
_DELETE_UNNEEDED: Final = """
    DELETE FROM contents WHERE content_id IN carray(?)
        AND NOT EXISTS (SELECT 1 FROM payload_contents AS p WHERE p.content_id = contents.content_id)
        AND NOT EXISTS (SELECT 1 FROM packs WHERE resource_id = contents.content_id)
        AND NOT EXISTS (SELECT 1 FROM packs WHERE scope_id = contents.content_id)
        AND NOT EXISTS (SELECT 1 FROM logs WHERE resource_id = contents.content_id)
"""

# Resources and scopes: some hundred bytes each, and nearly every span has the same few.
CACHED_CONTENTS: Final = 512
CACHED_BYTES_MOST: Final = 4096  # of one content


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


def delete_unneeded(connection: apsw.Connection, ids: Iterable[int]) -> None:
    """Remove those of some contents that nothing needs any more."""
    connection.execute(_DELETE_UNNEEDED, (int_array(ids),))


class ContentCache:
    """Small contents read lately, the one not asked for longest going first.

    What an address stands for never changes, so none is ever out of date. Reading the resource
    and the scope of a lone span takes 60 us without it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, bytes] = OrderedDict()

    def get_contents(self, reader: apsw.Connection, ids: Iterable[int]) -> Mapping[int, bytes]:
        """Return content id -> bytes for those that are there."""
        wanted = set(ids)
        with self._lock:
            found = {key: self._kept[key] for key in wanted if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
        missing = get_contents(reader, wanted - found.keys())
        if missing:
            self._keep(missing)
        return {**found, **missing}

    def _keep(self, contents: Mapping[int, bytes]) -> None:
        small = {key: data for key, data in contents.items() if len(data) <= CACHED_BYTES_MOST}
        with self._lock:
            self._kept.update(small)
            while len(self._kept) > CACHED_CONTENTS:
                self._kept.popitem(last=False)
