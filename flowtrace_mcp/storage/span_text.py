"""The text index of spans: which words each holds, and which spans still have to be read for it.

An index of bare row numbers (``detail=none``) and no copy of the text takes some 80 bytes a span
instead of several hundred. Row numbers follow the time at which spans start, in steps of 16 us: a
list newest first reads the index backwards, and neighbours differ by little. A row that is deleted
is told of no more; its words leave the index when it is next merged, see ``merge``.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

import apsw

from flowtrace_mcp.storage import meta
from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE VIRTUAL TABLE span_text USING fts5 (
        body, content = '', contentless_delete = 1, detail = none,
        tokenize = 'porter unicode61 remove_diacritics 2'
    );
    INSERT INTO span_text (span_text, rank) VALUES ('automerge', 0);
    CREATE TABLE span_documents (
        document_id INTEGER PRIMARY KEY,
        key_offset INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE unread_spans (
        batch_id INTEGER PRIMARY KEY AUTOINCREMENT,
        edge_keys BLOB NOT NULL
    ) STRICT;
"""
# An edge's key is that of its document, times this, plus the offset.
STEP_BITS: Final = 14
KEY_OF_DOCUMENT: Final = f"((d.document_id << {STEP_BITS}) + d.key_offset)"
# Spans that start in one step lie in the next free ones; of more than fit here the rest is not found.
STEPS_LIMIT: Final = 4096
BATCH_KEYS: Final = 512
MERGE_PAGES: Final = 32  # with their rewriting at most 15 ms
# A fact of the file: "off" where nothing is indexed; else where the reading of old spans goes on.
STATE: Final = "span_text"
OFF: Final = "off"
ALL_KEYS: Final = 2**62  # above every key
# A fact of the file: what was erased may still have words in the index.
PURGE_OWED: Final = "span_text_purge"

_NOTE: Final = "INSERT INTO unread_spans (edge_keys) VALUES (?)"
_WAITING: Final = "SELECT batch_id, edge_keys FROM unread_spans ORDER BY batch_id DESC LIMIT ?"
_LAST: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'unread_spans'"
_WAITING_BYTES: Final = "SELECT coalesce(sum(length(edge_keys)), 0) FROM unread_spans"
_SHORTEN: Final = "UPDATE unread_spans SET edge_keys = ? WHERE batch_id = ?"
_DONE: Final = "DELETE FROM unread_spans WHERE batch_id = ?"
_DONE_ALL: Final = "DELETE FROM unread_spans"
_STEPS: Final = """
    SELECT document_id, key_offset FROM span_documents
    WHERE document_id >= ? AND document_id < ? ORDER BY document_id
"""
_FIND: Final = f"""
    SELECT d.document_id FROM span_documents AS d
    WHERE d.document_id >= ? AND d.document_id < ? AND {KEY_OF_DOCUMENT} = ?
"""
_PLACE: Final = "INSERT INTO span_documents (document_id, key_offset) VALUES (?, ?)"
_INSERT: Final = "INSERT OR REPLACE INTO span_text (rowid, body) VALUES (?, ?)"
_DELETE: Final = "DELETE FROM span_text WHERE rowid IN carray(?)"
_DISPLACE: Final = "DELETE FROM span_documents WHERE document_id IN carray(?)"
_MERGE: Final = "INSERT INTO span_text (span_text, rank) VALUES ('merge', ?)"
_CLEAR: Final = (
    "INSERT INTO span_text (span_text) VALUES ('delete-all')",
    "DELETE FROM span_documents",
    _DONE_ALL,
)
_EARLIER: Final = """
    SELECT edge_key FROM edges WHERE edge_key < ? ORDER BY edge_key DESC LIMIT ?
"""
_STORED: Final = "SELECT edge_key FROM edges WHERE edge_key IN carray(?)"


def session_word(session_id: int) -> str:
    """Return the word that every document of an unsigned session id carries."""
    return f"ses{session_id}"


def link_word(span_id: bytes) -> str:
    """Return the word of every document whose span links to a span of 8-byte id."""
    return f"lnk{int.from_bytes(span_id, 'big')}"


def project_word(project_id: int) -> str:
    """Return the word that every document of a project carries."""
    return f"prj{project_id}"


def note_unread(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Note spans whose words have to be read; where nothing is indexed, nothing is noted."""
    if not keys or meta.find_meta(connection, STATE) == OFF:
        return
    for start in range(0, len(keys), BATCH_KEYS):
        connection.execute(_NOTE, (_packed(keys[start : start + BATCH_KEYS]),))


def list_unread(reader: apsw.Connection, limit: int) -> list[tuple[int, tuple[int, ...]]]:
    """Return (batch, keys of edges), the newest batch first."""
    return [(batch_id, _unpacked(keys)) for batch_id, keys in reader.execute(_WAITING, (limit,))]


def last_batch(reader: apsw.Connection) -> int:
    """Return the number of the last batch that ever came, 0 when none did."""
    return int(reader.execute(_LAST).get or 0)


def count_unread(reader: apsw.Connection) -> int:
    """Return how many spans wait, some of them perhaps twice."""
    return int(reader.execute(_WAITING_BYTES).get) // 8


def set_unread(connection: apsw.Connection, batch_id: int, keys: Sequence[int]) -> None:
    """Let a batch wait with other keys; without any it is done."""
    if keys:
        connection.execute(_SHORTEN, (_packed(keys), batch_id))
    else:
        connection.execute(_DONE, (batch_id,))


def list_keys_before(reader: apsw.Connection, key: int, limit: int) -> list[int]:
    """Return keys of edges below one, the newest first."""
    return [row[0] for row in reader.execute(_EARLIER, (key, limit))]


def insert_documents(connection: apsw.Connection, documents: Sequence[tuple[int, str]]) -> None:
    """Index the words of spans, in place of what was indexed of them.

    Args:
        connection: In a transaction.
        documents: (edge key, words joined by blanks); of spans that are gone by now none is kept.
    """
    keys = [key for key, _ in documents]
    stored = {row[0] for row in connection.execute(_STORED, (int_array(keys),))}
    for key, body in documents:
        if key in stored and (document_id := _place(connection, key)) is not None:
            connection.execute(_INSERT, (document_id, body))


def delete_documents(connection: apsw.Connection, keys: Sequence[int]) -> None:
    """Take spans out of the index by their edges' keys."""
    found = [row[0] for key in keys for row in connection.execute(_FIND, (*_steps(key), key))]
    if found:
        connection.execute(_DELETE, (int_array(found),))
        connection.execute(_DISPLACE, (int_array(found),))


def merge(connection: apsw.Connection) -> bool:
    """Do a bounded part of merging the index; say whether there may be more to do."""
    before = connection.total_changes()
    connection.execute(_MERGE, (MERGE_PAGES,))
    return connection.total_changes() - before >= 2


def begin_purge(connection: apsw.Connection) -> None:
    """Begin to merge the whole index into one part, without what only deleted documents had.

    ``merge`` goes on with it.
    """
    connection.execute(_MERGE, (-MERGE_PAGES,))


def clear(connection: apsw.Connection) -> None:
    """Empty the index, and forget what waits for it."""
    for statement in _CLEAR:
        connection.execute(statement)


def read_again(connection: apsw.Connection) -> None:
    """Let all spans wait to be read, from the newest back, unless nothing is to be indexed."""
    if meta.find_meta(connection, STATE) != OFF:
        meta.update_meta(connection, STATE, str(ALL_KEYS))


def _place(connection: apsw.Connection, key: int) -> int | None:
    """Return the number of a span's document, a new one where it has none; None without room."""
    first, end = _steps(key)
    free = first
    taken: list[tuple[int, int]] = list(connection.execute(_STEPS, (first, end)))
    for document_id, offset in taken:
        if (document_id << STEP_BITS) + offset == key:
            return document_id
        free += document_id == free
    if free == end:
        return None
    connection.execute(_PLACE, (free, key - (free << STEP_BITS)))
    return free


def _steps(key: int) -> tuple[int, int]:
    first = key >> STEP_BITS
    return first, first + STEPS_LIMIT


def _packed(keys: Iterable[int]) -> bytes:
    listed = list(keys)
    return struct.pack(f"<{len(listed)}q", *listed)


def _unpacked(keys: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(keys) // 8}q", keys)
