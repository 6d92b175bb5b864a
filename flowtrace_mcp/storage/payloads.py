"""The original bytes of each span, beside its edge."""

import struct
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final

import apsw
import msgspec

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.storage.contents import ContentCache, content_id
from flowtrace_mcp.storage.packs import (
    Pack,
    get_packs,
    insert_packs,
    list_pack_contents,
    packed_by_place,
    release_ranges,
)
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE payloads (
        edge_key INTEGER PRIMARY KEY,
        pack_id INTEGER NOT NULL,
        offset_bytes INTEGER NOT NULL,
        length_bytes INTEGER NOT NULL,
        cuts BLOB
    ) STRICT;
    CREATE TABLE payload_contents (
        content_id INTEGER NOT NULL,
        edge_key INTEGER NOT NULL,
        PRIMARY KEY (content_id, edge_key)
    ) STRICT, WITHOUT ROWID;
"""
_INSERT: Final = "INSERT INTO payloads (edge_key, pack_id, offset_bytes, length_bytes, cuts)"
_GET: Final = """
    SELECT edge_key, pack_id, offset_bytes, length_bytes, cuts
    FROM payloads WHERE edge_key IN carray(?)
"""
_DELETE: Final = "DELETE FROM payloads WHERE edge_key IN carray(?)"
_INSERT_NEEDS: Final = "INSERT INTO payload_contents (content_id, edge_key)"
_ONCE: Final = "ON CONFLICT DO NOTHING"
_DELETE_NEED: Final = "DELETE FROM payload_contents WHERE content_id = ? AND edge_key = ?"

LONG_VALUE_BYTES: Final = 4096
_ENCODINGS: Final = {int(one): one for one in PayloadEncoding}
_CUT: Final = struct.Struct("<IIq")  # offset in the original, length, content id

# edge key, pack id, offset, length, cuts
PayloadRow = tuple[int, int, int, int, bytes | None]


class PackedPayload(msgspec.Struct):
    """Where a span's bytes lie in a pack, and what was cut out of them."""

    pack: Pack
    offset_bytes: int
    length_bytes: int
    cuts: bytes | None
    contents: Mapping[int, bytes]


class StoredPayload(msgspec.Struct, frozen=True, kw_only=True):
    """A span's bytes as they were sent, with the resource and scope around it."""

    raw: bytes
    encoding: PayloadEncoding
    resource: bytes
    scope: bytes


def cut_values(raw: bytes, values: Iterable[bytes]) -> tuple[bytes, bytes | None, dict[int, bytes]]:
    """Take long values out of some bytes.

    Args:
        raw: The original.
        values: Parts of it; one that does not stand in it is passed over.

    Returns:
        The rest, a record of what stood where (None when nothing was cut), and the parts by
        content id.
    """
    spots = sorted(
        (offset, value) for value in values if value and (offset := raw.find(value)) >= 0
    )
    rest, cuts, contents, end = [], [], {}, 0
    for offset, value in spots:
        if offset < end:  # inside the one before
            continue
        key = content_id(value)
        contents[key] = value
        cuts.append(_CUT.pack(offset, len(value), key))
        rest.append(raw[end:offset])
        end = offset + len(value)
    if not cuts:
        return raw, None, {}
    rest.append(raw[end:])
    return b"".join(rest), b"".join(cuts), contents


def join_values(rest: bytes, cuts: bytes | None, contents: Mapping[int, bytes]) -> bytes:
    """Return the original of ``cut_values``, byte for byte.

    Raises:
        DamagedError: A part is missing.
    """
    if cuts is None:
        return rest
    parts, taken, length = [], 0, 0
    for offset, size, key in _CUT.iter_unpack(cuts):
        gap = offset - length
        parts += [rest[taken : taken + gap], _content(contents, key)]
        taken += gap
        length = offset + size
    parts.append(rest[taken:])
    return b"".join(parts)


def cut_ids(cuts: bytes | None) -> list[int]:
    """Return the content ids that a payload needs to be whole."""
    return [key for _, _, key in _CUT.iter_unpack(cuts or b"")]


def _content(contents: Mapping[int, bytes], key: int) -> bytes:
    data = contents.get(key)
    if data is None:
        raise _not_whole(f"content {key}")
    return data


def _not_whole(part: str) -> DamagedError:
    return DamagedError(
        "a stored payload is not whole",
        why=f"{part} is missing",
        mend="run `flowtrace doctor`, or restore a backup",
    )


def insert_payloads(
    connection: apsw.Connection, placed: Sequence[tuple[int, PackedPayload]]
) -> None:
    """Keep (edge key, payload) pairs and the packs that they lie in."""
    packs = {id(one.pack): one.pack for _, one in placed}
    counts = Counter([id(one.pack) for _, one in placed])
    used = [(pack, counts[key]) for key, pack in packs.items()]
    ids = dict(zip(packs, insert_packs(connection, used), strict=True))
    rows = [
        (edge_key, ids[id(one.pack)], one.offset_bytes, one.length_bytes, one.cuts)
        for edge_key, one in placed
    ]
    insert_rows(connection, _INSERT, rows)
    needs = [(content, row[0]) for row in rows if row[4] for content in cut_ids(row[4])]
    insert_rows(connection, _INSERT_NEEDS, needs, _ONCE)


def list_needed_contents(connection: apsw.Connection, keys: Sequence[int]) -> set[int]:
    """Return the ids of all contents that the payloads of some edges need to be whole."""
    rows = list_payload_rows(connection, keys)
    around = list_pack_contents(connection, [row[1] for row in rows])
    return around.union(*(cut_ids(row[4]) for row in rows))


def list_payload_rows(connection: apsw.Connection, keys: Sequence[int]) -> list[PayloadRow]:
    """Return rows as they lie on disk, for the keys that have any.

    A row that is equal to an older one means the same bytes.
    """
    return list(connection.execute(_GET, (int_array(keys),)))


def get_payloads(
    reader: apsw.Connection, keys: Sequence[int], cache: ContentCache
) -> dict[int, StoredPayload]:
    """Return edge key -> original bytes, for the keys that have any.

    Args:
        reader: A read connection; in a transaction, for the bytes may move meanwhile.
        keys: Of the edges.
        cache: Of contents.

    Raises:
        DamagedError: A payload, or something that it shares with others, is not whole.
    """
    return payloads_of_rows(reader, list_payload_rows(reader, keys), cache)


def payloads_of_rows(
    reader: apsw.Connection, rows: Sequence[PayloadRow], cache: ContentCache
) -> dict[int, StoredPayload]:
    """Return edge key -> original bytes of rows read in the same transaction; see above."""
    packs = get_packs(reader, [row[1] for row in rows])
    wanted = {key for pack in packs.values() for key in (pack.resource_id, pack.scope_id)}
    contents = cache.get_contents(reader, wanted.union(*(cut_ids(row[4]) for row in rows)))
    found = {}
    for edge_key, pack_id, offset, length, cuts in rows:
        pack, rest = packs.get(pack_id), packed_by_place(packs, pack_id, (offset, length))
        if pack is None or rest is None:
            raise _not_whole(f"pack {pack_id}")
        found[edge_key] = StoredPayload(
            raw=join_values(rest, cuts, contents),
            encoding=_ENCODINGS[pack.encoding],
            resource=_content(contents, pack.resource_id),
            scope=_content(contents, pack.scope_id),
        )
    return found


def delete_payloads(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove payloads by edge key; their bytes are gone from the packs too."""
    rows = list_payload_rows(connection, keys)
    connection.execute(_DELETE, (int_array(keys),))
    needs = [(content, row[0]) for row in rows if row[4] for content in cut_ids(row[4])]
    connection.executemany(_DELETE_NEED, needs)
    release_ranges(connection, [(row[1], (row[2], row[3])) for row in rows])


class Packer:
    """Cuts and packs the spans of a batch; done before the write, on the caller's thread.

    Spans share a pack with those of their trace, resource and scope: who reads one mostly reads
    the others, and a trace that is removed leaves nothing behind.
    """

    def __init__(self) -> None:
        self._packs: dict[Hashable, Pack] = {}
        self._all: list[Pack] = []

    def add(
        self,
        raw: bytes,
        long_values: Sequence[bytes],
        trace_id: bytes,
        context: tuple[int, int, int],
    ) -> PackedPayload:
        """Add a span.

        Args:
            raw: Its bytes as they were sent.
            long_values: Parts of them to be kept once for all spans.
            trace_id: Its trace.
            context: Content ids of resource and scope, and the encoding.
        """
        rest, cuts, contents = cut_values(raw, long_values) if long_values else (raw, None, {})
        key = (trace_id, context)
        pack = self._packs.get(key)
        if pack is None or not pack.has_room(rest):
            resource_id, scope_id, encoding = context
            pack = Pack(resource_id=resource_id, scope_id=scope_id, encoding=encoding)
            self._packs[key] = pack
            self._all.append(pack)
        return PackedPayload(pack, pack.add(rest), len(rest), cuts, contents)

    def close(self) -> None:
        """Compress every pack; nothing is added after."""
        for pack in self._all:
            pack.close()
