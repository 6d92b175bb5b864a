"""The original bytes of each span, beside its edge."""

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import apsw
import msgspec

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.storage.compression import compress, decompress
from flowtrace_mcp.storage.contents import content_id, get_contents
from flowtrace_mcp.storage.rows import insert_rows, int_array

CREATE: Final = """
    CREATE TABLE payloads (
        edge_key INTEGER PRIMARY KEY,
        resource_id INTEGER NOT NULL,
        scope_id INTEGER NOT NULL,
        encoding INTEGER NOT NULL,
        data BLOB NOT NULL,
        cuts BLOB
    ) STRICT;
"""
_INSERT: Final = "INSERT INTO payloads (edge_key, resource_id, scope_id, encoding, data, cuts)"
_GET: Final = """
    SELECT edge_key, resource_id, scope_id, encoding, data, cuts
    FROM payloads WHERE edge_key IN carray(?)
"""
_DELETE: Final = "DELETE FROM payloads WHERE edge_key IN carray(?)"

LONG_VALUE_BYTES: Final = 4096
_CUT: Final = struct.Struct("<IIq")  # offset in the original, length, content id

# edge key, resource id, scope id, encoding, compressed rest, cuts
PayloadRow = tuple[int, int, int, int, bytes, bytes | None]


class PackedPayload(msgspec.Struct, kw_only=True):
    """A span's bytes as they go to disk, and what was cut out of them."""

    resource_id: int
    scope_id: int
    encoding: int
    data: bytes
    cuts: bytes | None
    contents: Mapping[int, bytes]

    def row(self, edge_key: int) -> PayloadRow:
        """Return the values in the order of the table's columns."""
        return (
            edge_key,
            self.resource_id,
            self.scope_id,
            self.encoding,
            self.data,
            self.cuts,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayload:
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
        raise DamagedError(
            "a stored payload is not whole",
            why=f"content {key} is missing",
            mend="run `flowtrace doctor`, or restore a backup",
        )
    return data


def insert_payloads(connection: apsw.Connection, rows: Sequence[PayloadRow]) -> None:
    """Insert rows (edge key, resource id, scope id, encoding, frame, cuts)."""
    insert_rows(connection, _INSERT, rows)


def list_payload_rows(connection: apsw.Connection, keys: Sequence[int]) -> list[PayloadRow]:
    """Return rows as they lie on disk, for the keys that have any."""
    return list(connection.execute(_GET, (int_array(keys),)))


def get_payloads(reader: apsw.Connection, keys: Sequence[int]) -> dict[int, StoredPayload]:
    """Return edge key -> original bytes, for the keys that have any.

    Raises:
        DamagedError: A payload, or something that it shares with others, is not whole.
    """
    rows = list_payload_rows(reader, keys)
    wanted = {key for row in rows for key in (row[1], row[2], *cut_ids(row[5]))}
    contents = get_contents(reader, wanted)
    return {
        edge_key: StoredPayload(
            raw=join_values(decompress(data), cuts, contents),
            encoding=PayloadEncoding(encoding),
            resource=_content(contents, resource_id),
            scope=_content(contents, scope_id),
        )
        for edge_key, resource_id, scope_id, encoding, data, cuts in rows
    }


def delete_payloads(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Remove payloads by edge key."""
    connection.execute(_DELETE, (int_array(keys),))


def pack_payload(
    raw: bytes, encoding: int, long_values: Sequence[bytes], context_ids: tuple[int, int]
) -> PackedPayload:
    """Cut and compress a span's bytes; done before the write, on the caller's thread."""
    rest, cuts, contents = cut_values(raw, long_values) if long_values else (raw, None, {})
    return PackedPayload(
        resource_id=context_ids[0],
        scope_id=context_ids[1],
        encoding=encoding,
        data=compress(rest),
        cuts=cuts,
        contents=contents,
    )
