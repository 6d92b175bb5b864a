"""Memories: bi-temporal rows that are retired, never overwritten."""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Final

import apsw
import msgspec

from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import (
    Memory,
    MemoryFilter,
    MemoryKind,
    MemoryPlace,
    NewMemory,
    ScopeName,
)
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE TABLE memories (
        memory_key INTEGER PRIMARY KEY AUTOINCREMENT,
        memory_id BLOB NOT NULL UNIQUE CHECK (length(memory_id) = 16),
        handle TEXT NOT NULL UNIQUE,
        project_id INTEGER NOT NULL,
        scope TEXT NOT NULL,
        branch TEXT NOT NULL,
        session TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        topic TEXT NOT NULL,
        content TEXT NOT NULL,
        content_hash BLOB NOT NULL,
        author TEXT NOT NULL,
        agent TEXT NOT NULL,
        recorded_us INTEGER NOT NULL,
        retracted_us INTEGER,
        retraction TEXT NOT NULL DEFAULT '',
        valid_from_us INTEGER NOT NULL,
        valid_to_us INTEGER,
        seen_count INTEGER NOT NULL DEFAULT 1,
        last_seen_us INTEGER NOT NULL,
        tags TEXT NOT NULL,
        aliases TEXT NOT NULL,
        files TEXT NOT NULL,
        metadata TEXT NOT NULL,
        trace_id BLOB NOT NULL,
        span_id BLOB NOT NULL,
        tool_call_id TEXT NOT NULL
    ) STRICT;
    CREATE INDEX memories_by_hash ON memories (project_id, content_hash);
    CREATE INDEX memories_by_topic ON memories (project_id, topic) WHERE topic <> '';
    CREATE INDEX memories_by_session ON memories (project_id, session, sequence);
    CREATE INDEX memories_by_time ON memories (project_id, recorded_us);
    CREATE INDEX memories_in_force ON memories (memory_key) WHERE retracted_us IS NULL;
    CREATE TABLE memory_links (
        from_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        to_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        relation TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        PRIMARY KEY (from_key, to_key, relation)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX memory_links_back ON memory_links (to_key);
"""
_COLUMNS: Final = (
    "m.memory_id, m.handle, m.content, m.kind, m.scope, m.project_id, m.branch, m.session,"
    " m.sequence, m.topic, m.author, m.agent, m.recorded_us, m.retracted_us, m.valid_from_us,"
    " m.valid_to_us, m.seen_count, m.tags, m.aliases, m.files, m.metadata, m.trace_id,"
    " m.span_id, m.tool_call_id"
)
# Named parameters of every question; the filter stands inside the query, never after it.
# The branches of the OR come from MemoryFilter.place; :widest counts the layers to read.
VISIBLE: Final = """
    m.recorded_us <= :as_of
    AND (m.retracted_us IS NULL OR m.retracted_us > :as_of)
    AND m.valid_from_us <= :as_of
    AND (m.valid_to_us IS NULL OR m.valid_to_us > :as_of)
    AND (m.scope = 'global' OR (m.project_id = :project AND (
        (m.scope = 'repo' AND :depth >= 1)
        OR (m.scope = 'branch' AND :depth >= 2 AND m.branch = :branch)
        OR (m.scope = 'session' AND :depth >= 3 AND m.session = :session))))
    AND m.recorded_us >= :since AND m.recorded_us < :until
    AND (:kinds = '[]' OR m.kind IN (SELECT value FROM json_each(:kinds)))
    AND (:tags = '[]' OR NOT EXISTS (
        SELECT 1 FROM json_each(:tags) AS wanted
        WHERE wanted.value NOT IN (SELECT value FROM json_each(m.tags))))
"""
_INSERT: Final = """
    INSERT INTO memories (memory_id, handle, project_id, scope, branch, session, sequence, kind,
        topic, content, content_hash, author, agent, recorded_us, valid_from_us, valid_to_us,
        last_seen_us, tags, aliases, files, metadata, trace_id, span_id, tool_call_id)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    RETURNING memory_key
"""
_NEXT_SEQUENCE: Final = """
    SELECT coalesce(max(sequence), 0) + 1 FROM memories WHERE project_id = ? AND session = ?
"""
_SAME_LAYER: Final = """
    m.project_id = ? AND m.scope = ? AND m.branch = ? AND (m.scope <> 'session' OR m.session = ?)
    AND m.retracted_us IS NULL AND (m.valid_to_us IS NULL OR m.valid_to_us > ?)
    ORDER BY m.memory_key DESC LIMIT 1
"""
_FIND_SAME: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    WHERE m.content_hash = ? AND {_SAME_LAYER}
"""
_FIND_TOPIC: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    WHERE m.topic = ? AND m.topic <> '' AND {_SAME_LAYER}
"""
_FIND_HANDLE: Final = f"SELECT m.memory_key, {_COLUMNS} FROM memories AS m WHERE m.handle = ?"
_PLACES: Final = """
    SELECT memory_key, session, sequence, author FROM memories WHERE memory_key IN carray(?)
"""
_BY_KEYS: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m WHERE m.memory_key IN carray(?)
"""
_SEEN: Final = """
    UPDATE memories SET seen_count = seen_count + 1, last_seen_us = ?, tags = ?, aliases = ?
    WHERE memory_key = ?
"""
_RETRACT: Final = """
    UPDATE memories SET retracted_us = ?, retraction = ?
    WHERE memory_key = ? AND retracted_us IS NULL
"""
_LINK: Final = """
    INSERT INTO memory_links (from_key, to_key, relation, created_us) VALUES (?, ?, ?, ?)
    ON CONFLICT DO NOTHING
"""
_DELETE: Final = "DELETE FROM memories WHERE memory_key = ?"
_NEWEST: Final = "SELECT max(memory_key) FROM memories"
_COUNT: Final = "SELECT count(*) FROM memories WHERE retracted_us IS NULL"
_RECENT: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    WHERE m.project_id IN (:project, 0) AND {VISIBLE}
    ORDER BY m.recorded_us DESC, m.memory_key DESC LIMIT :limit
"""

KeyedMemory = tuple[int, Memory]
_DEPTH: Final = {scope: depth for depth, scope in enumerate(ScopeName)}
_text = msgspec.json.Encoder(order="sorted")


def filter_parameters(wanted: MemoryFilter) -> dict[str, Any]:
    """Return the values of ``VISIBLE``'s named parameters."""
    as_of_us = wanted.now_us if wanted.as_of_us is None else wanted.as_of_us
    return {
        "project": wanted.place.project_id,
        "branch": storable(wanted.place.branch),
        "session": storable(wanted.place.session),
        "depth": _DEPTH[wanted.scope],
        "as_of": as_of_us,
        "since": 0 if wanted.since_us is None else wanted.since_us,
        "until": 2**62 if wanted.until_us is None else wanted.until_us,
        "kinds": _json([kind.value for kind in wanted.kinds]),
        "tags": _json([storable(tag) for tag in wanted.tags]),
    }


def content_hash(content: str) -> bytes:
    """Return 16 bytes that are equal for texts equal but for white space at their ends."""
    return hashlib.blake2b(content.strip().encode(), digest_size=16).digest()


def layer_of(scope: ScopeName, place: MemoryPlace) -> tuple[int, str, str, str]:
    """Return (project, scope, branch, session) that a memory of that scope is stored under."""
    return (
        0 if scope is ScopeName.GLOBAL else place.project_id,
        scope.value,
        storable(place.branch) if scope is ScopeName.BRANCH else "",
        storable(place.session) if scope is ScopeName.SESSION else "",
    )


def insert_memory(connection: apsw.Connection, new: NewMemory, memory_id: bytes) -> int:
    """Insert a memory and return its key."""
    project_id, scope, branch, _ = layer_of(new.scope, new.place)
    session, sequence = storable(new.place.session), new.sequence
    if sequence is None:
        sequence = int(connection.execute(_NEXT_SEQUENCE, (project_id, session)).get)
    values = (
        memory_id,
        memory_handle(memory_id),
        project_id,
        scope,
        branch,
        session,
        sequence,
        new.kind.value,
        new.topic,
        new.content,
        content_hash(new.content),
        new.author,
        storable(new.agent),
        new.recorded_us,
        new.valid_from_us,
        new.valid_to_us,
        new.recorded_us,
        _json(list(new.tags)),
        _json(list(new.aliases)),
        _json(dict(new.files)),
        _json(dict(new.metadata)),
        new.trace_id,
        new.span_id,
        new.tool_call_id,
    )
    return int(connection.execute(_INSERT, values).get)


def find_same_memory(connection: apsw.Connection, new: NewMemory) -> KeyedMemory | None:
    """Return the memory in force with this very text in the same layer, or None."""
    return _one(connection, _FIND_SAME, (content_hash(new.content), *_layer_key(new)))


def find_topic_memory(connection: apsw.Connection, new: NewMemory) -> KeyedMemory | None:
    """Return the memory in force with this topic in the same layer, or None."""
    if not new.topic:
        return None
    return _one(connection, _FIND_TOPIC, (new.topic, *_layer_key(new)))


def find_memory(reader: apsw.Connection, handle: str) -> KeyedMemory | None:
    """Return the memory of a handle, retired or not, or None."""
    return _one(reader, _FIND_HANDLE, (handle,))


def list_places(reader: apsw.Connection, keys: Sequence[int]) -> list[tuple[int, str, int, str]]:
    """Return (memory key, session, sequence in it, author): what ranking asks of a candidate."""
    return list(reader.execute(_PLACES, (int_array(keys),)))


def get_memories(reader: apsw.Connection, keys: Sequence[int]) -> dict[int, Memory]:
    """Return key -> memory for those that exist."""
    if not keys:
        return {}
    rows = reader.execute(_BY_KEYS, (int_array(keys),))
    return {row[0]: _memory(row[1:]) for row in rows}


def list_recent_memories(
    reader: apsw.Connection, wanted: MemoryFilter, limit: int
) -> list[KeyedMemory]:
    """Return at most ``limit`` memories that pass a filter, newest first."""
    rows = reader.execute(_RECENT, {**filter_parameters(wanted), "limit": limit})
    return [(row[0], _memory(row[1:])) for row in rows]


def update_seen(connection: apsw.Connection, found: KeyedMemory, new: NewMemory) -> None:
    """Count the same text once more and take up its further tags and aliases."""
    key, old = found
    connection.execute(
        _SEEN,
        (
            new.recorded_us,
            _json(list(dict.fromkeys((*old.tags, *new.tags)))),
            _json(list(dict.fromkeys((*old.aliases, *new.aliases)))),
            key,
        ),
    )


def retract_memory(connection: apsw.Connection, key: int, now_us: int, reason: str) -> None:
    """Retire a memory; it stays readable for ``as_of`` and history."""
    connection.execute(_RETRACT, (now_us, reason, key))


def link_memories(
    connection: apsw.Connection, keys: tuple[int, int], relation: str, now_us: int
) -> None:
    """Record that the first memory stands in a relation to the second."""
    connection.execute(_LINK, (*keys, relation, now_us))


def delete_memory(connection: apsw.Connection, key: int) -> None:
    """Remove a memory for good; text index and vectors are removed by their own files."""
    connection.execute(_DELETE, (key,))


def newest_key(reader: apsw.Connection) -> int:
    """Return the key of the memory stored last, 0 when there is none."""
    return int(reader.execute(_NEWEST).get or 0)


def count_memories(reader: apsw.Connection) -> int:
    """Return how many memories are in force."""
    return int(reader.execute(_COUNT).get)


def _layer_key(new: NewMemory) -> tuple[int, str, str, str, int]:
    project_id, scope, branch, _ = layer_of(new.scope, new.place)
    return project_id, scope, branch, storable(new.place.session), new.recorded_us


def _one(reader: apsw.Connection, statement: str, values: Iterable[Any]) -> KeyedMemory | None:
    row = reader.execute(statement, tuple(values)).fetchone()
    return None if row is None else (row[0], _memory(row[1:]))


def _memory(row: tuple[Any, ...]) -> Memory:
    return Memory(
        memory_id=row[0],
        handle=row[1],
        content=row[2],
        kind=MemoryKind(row[3]),
        scope=ScopeName(row[4]),
        project_id=row[5],
        branch=row[6],
        session=row[7],
        sequence=row[8],
        topic=row[9],
        author=row[10],
        agent=row[11],
        recorded_us=row[12],
        retracted_us=row[13],
        valid_from_us=row[14],
        valid_to_us=row[15],
        seen_count=row[16],
        tags=tuple(msgspec.json.decode(row[17])),
        aliases=tuple(msgspec.json.decode(row[18])),
        files=msgspec.json.decode(row[19]),
        metadata=msgspec.json.decode(row[20]),
        trace_id=row[21],
        span_id=row[22],
        tool_call_id=row[23],
    )


def _json(value: Any) -> str:
    return _text.encode(value).decode()
