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
from flowtrace_mcp.storage import memory_lapses
from flowtrace_mcp.storage.dated_lists import (
    Pair,
    Row,
    add_pairs,
    close_pairs,
    new_rows,
    pack_rows,
    pairs_of,
    unpack_rows,
)
from flowtrace_mcp.storage.memory_changes import Merged
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
"""
_COLUMNS: Final = (
    "m.memory_id, m.handle, m.content, m.kind, m.scope, m.project_id, m.branch, m.session,"
    " m.sequence, m.topic, m.author, m.agent, m.recorded_us, m.retracted_us, m.valid_from_us,"
    " m.valid_to_us, m.seen_count, m.tags, m.aliases, m.files, m.metadata, m.trace_id,"
    " m.span_id, m.tool_call_id, m.retraction, m.last_seen_us"
)
# Named parameters of every question; the filter stands inside the query, never after it.
# The branches of the OR come from MemoryFilter.place; :depth counts the layers to read. A lapse
# is a time in which a memory was retired, before that was undone: only the past asks for it.
# :known_at is a moment of the past, or the end of time: a clock that was set back since something
# was written or retired changes nothing about what is known now.
END_OF_TIME_US: Final = 2**62
VISIBLE: Final = """
    m.recorded_us <= :known_at
    AND (m.retracted_us IS NULL OR m.retracted_us > :known_at)
    AND (:is_past = 0 OR NOT EXISTS (
        SELECT 1 FROM memory_lapses AS l WHERE l.memory_key = m.memory_key
        AND l.from_us <= :as_of AND l.to_us > :as_of))
    AND (m.valid_from_us <= :as_of OR m.valid_from_us = m.recorded_us)
    AND (m.valid_to_us IS NULL OR m.valid_to_us > :as_of)
    AND (m.scope = 'global' OR (m.project_id = :project AND (
        (m.scope = 'repo' AND :depth >= 1)
        OR (m.scope = 'branch' AND :depth >= 2 AND m.branch = :branch)
        OR (m.scope = 'session' AND :depth >= 3 AND m.session = :session))))
    AND m.recorded_us >= :since AND m.recorded_us < :until
    AND (:kinds = '[]' OR m.kind IN (SELECT value FROM json_each(:kinds)))
    AND (:tags = '[]' OR NOT EXISTS (
        SELECT 1 FROM json_each(:tags) AS wanted
        WHERE wanted.value NOT IN (
            SELECT held.value ->> 0 FROM json_each(m.tags) AS held
            WHERE held.value ->> 2 <= :known_at
            AND coalesce(held.value ->> 3, :known_at + 1) > :known_at)))
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
    ORDER BY m.memory_key DESC LIMIT ?
"""
_FIND_SAME: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    WHERE m.content_hash = ? AND {_SAME_LAYER}
"""
_LIST_TOPIC: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    WHERE m.topic = ? AND m.topic <> '' AND {_SAME_LAYER}
"""
_FIND_HANDLE: Final = f"SELECT m.memory_key, {_COLUMNS} FROM memories AS m WHERE m.handle = ?"
_NEAR_HANDLES: Final = """
    SELECT handle FROM memories WHERE project_id IN (:project, 0)
    AND EXISTS (SELECT 1 FROM json_each(:patterns) AS wanted WHERE handle LIKE wanted.value)
    ORDER BY memory_key DESC LIMIT :limit
"""
_BY_KEYS: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m WHERE m.memory_key IN carray(?)
"""
_LENGTHS: Final = f"""
    SELECT m.memory_key, length(m.content) FROM carray(:keys) AS wanted
    CROSS JOIN memories AS m ON m.memory_key = wanted.value
    WHERE m.project_id = :layer AND {VISIBLE}
"""
_LISTS: Final = "SELECT tags, aliases, files FROM memories WHERE memory_key = ?"
_SEEN: Final = """
    UPDATE memories SET seen_count = seen_count + ?, last_seen_us = max(last_seen_us, ?),
        tags = ?, aliases = ?, files = ?
    WHERE memory_key = ?
"""
_RETRACT: Final = """
    UPDATE memories SET retracted_us = ?, retraction = ?
    WHERE memory_key = ? AND retracted_us IS NULL
"""
_RESTORE: Final = """
    UPDATE memories SET retracted_us = NULL, retraction = '' WHERE memory_key = ?
"""
_TOPIC_VERSIONS: Final = """
    SELECT m.memory_key FROM memories AS m
    WHERE m.project_id = ? AND m.topic = ? AND m.topic <> '' AND m.scope = ? AND m.branch = ?
    AND (m.scope <> 'session' OR m.session = ?)
    ORDER BY m.memory_key DESC LIMIT ?
"""
_DELETE: Final = "DELETE FROM memories WHERE memory_key = ?"
_NEWEST: Final = "SELECT max(memory_key) FROM memories"
_ABOUT: Final = """
    SELECT count(*) FROM (SELECT 1 FROM memories WHERE project_id IN (?, 0) LIMIT ?)
"""
_ABOUT_LIMIT: Final = 5000  # beyond that more of them change little
_COUNT: Final = "SELECT count(*) FROM memories WHERE retracted_us IS NULL"
_FOREIGN: Final = """
    SELECT memory_key FROM memories WHERE project_id > 0 AND project_id < :project
    UNION ALL SELECT memory_key FROM memories WHERE project_id > :project LIMIT :limit
"""
_PROJECT_KEYS: Final = "SELECT memory_key FROM memories WHERE project_id = ?"
_COUNT_PROJECT: Final = "SELECT count(*) FROM memories WHERE project_id = ?"
_MOVE: Final = "UPDATE memories SET project_id = ? WHERE project_id = ?"
_RECENT: Final = f"""
    SELECT m.memory_key, {_COLUMNS} FROM memories AS m
    WHERE m.project_id IN (:project, 0) AND {VISIBLE}
    ORDER BY m.recorded_us DESC, m.memory_key DESC LIMIT :limit
"""

KeyedMemory = tuple[int, Memory]
# Versions of one topic that are looked at.
VERSIONS_LIMIT: Final = 500
_DEPTH: Final = {scope: depth for depth, scope in enumerate(ScopeName)}
_text = msgspec.json.Encoder(order="sorted")


def filter_parameters(wanted: MemoryFilter) -> dict[str, Any]:
    """Return the values of ``VISIBLE``'s named parameters."""
    as_of_us = wanted.now_us if wanted.as_of_us is None else wanted.as_of_us
    return {
        "is_past": int(as_of_us < wanted.now_us),
        "project": wanted.place.project_id,
        "branch": storable(wanted.place.branch),
        "session": storable(wanted.place.session),
        "depth": _DEPTH[wanted.scope],
        "as_of": as_of_us,
        "known_at": as_of_us if as_of_us < wanted.now_us else END_OF_TIME_US,
        "since": 0 if wanted.since_us is None else wanted.since_us,
        "until": END_OF_TIME_US if wanted.until_us is None else wanted.until_us,
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
        *(pack_rows(new_rows(pairs, new.recorded_us)) for pairs in _listed(new)),
        _json(dict(new.metadata)),
        new.trace_id,
        new.span_id,
        new.tool_call_id,
    )
    return int(connection.execute(_INSERT, values).get)


def find_same_memory(connection: apsw.Connection, new: NewMemory) -> KeyedMemory | None:
    """Return the memory in force with this very text in the same layer, or None."""
    return _one(connection, _FIND_SAME, (content_hash(new.content), *_layer_key(new), 1))


def list_topic_memories(connection: apsw.Connection, new: NewMemory) -> list[KeyedMemory]:
    """Return the memories in force with this topic in the same layer, newest first.

    There is one at most, unless two projects that each had one were merged.
    """
    if not new.topic:
        return []
    rows = connection.execute(_LIST_TOPIC, (new.topic, *_layer_key(new), VERSIONS_LIMIT))
    return [(row[0], _memory(row[1:])) for row in rows]


def find_memory(reader: apsw.Connection, handle: str) -> KeyedMemory | None:
    """Return the memory of a handle, retired or not, or None."""
    return _one(reader, _FIND_HANDLE, (handle,))


def list_near_handles(
    reader: apsw.Connection, project_id: int, patterns: Sequence[str], limit: int
) -> list[str]:
    """Return handles of a project and of the global layer that fit a LIKE pattern, newest first."""
    parameters = {"project": project_id, "patterns": _json(list(patterns)), "limit": limit}
    return [row[0] for row in reader.execute(_NEAR_HANDLES, parameters)]


def get_memories(reader: apsw.Connection, keys: Sequence[int]) -> dict[int, Memory]:
    """Return key -> memory for those that exist."""
    if not keys:
        return {}
    rows = reader.execute(_BY_KEYS, (int_array(keys),))
    return {row[0]: _memory(row[1:]) for row in rows}


def list_lengths(
    reader: apsw.Connection, keys: Sequence[int], layer: int, wanted: MemoryFilter
) -> dict[int, int]:
    """Return key -> characters of the content, for those of a project that pass a filter.

    Args:
        reader: A read connection.
        keys: Of the memories to look at.
        layer: The project that they are stored under, 0 for the global ones.
        wanted: Which memories may be seen.
    """
    parameters = {**filter_parameters(wanted), "keys": int_array(keys), "layer": layer}
    return dict(reader.execute(_LENGTHS, parameters))


def list_recent_memories(
    reader: apsw.Connection, wanted: MemoryFilter, limit: int
) -> list[KeyedMemory]:
    """Return at most ``limit`` memories that pass a filter, newest first."""
    rows = reader.execute(_RECENT, {**filter_parameters(wanted), "limit": limit})
    return [(row[0], _memory(row[1:])) for row in rows]


def update_seen(connection: apsw.Connection, key: int, new: NewMemory) -> Merged:
    """Count the same text once more and take up its further tags, aliases and files.

    A file that is bound to another content now is bound anew.

    Returns:
        What it did, as the journal keeps it.
    """
    tags, aliases, files = _lists(connection, key)
    new_tags, new_aliases, new_files = _listed(new)
    outdated = [
        (path, blob)
        for path, blob in pairs_of(files)
        if new.files.get(path) and new.files[path] != blob
    ]
    known = {path for path, _ in pairs_of(files)} - {path for path, _ in outdated}
    closed = close_pairs(files, outdated, new.recorded_us)
    merged = Merged(
        key=key,
        tags=add_pairs(tags, new_tags, new.recorded_us),
        aliases=add_pairs(aliases, new_aliases, new.recorded_us),
        files=add_pairs(
            files, [pair for pair in new_files if pair[0] not in known], new.recorded_us
        ),
        closed_files=closed,
    )
    _keep_lists(connection, key, (tags, aliases, files), (1, new.recorded_us))
    return merged


def update_unseen(connection: apsw.Connection, merged: Merged, now_us: int, *, redo: bool) -> None:
    """Take back what ``update_seen`` did, or (``redo``) do it again."""
    tags, aliases, files = lists = _lists(connection, merged.key)
    came = [_pairs_at(rows, places) for rows, places in zip(lists, _places(merged), strict=True)]
    went = _pairs_at(files, merged.closed_files)
    for rows, pairs in zip(lists, came, strict=True):
        (add_pairs if redo else close_pairs)(rows, pairs, now_us)
    (close_pairs if redo else add_pairs)(files, went, now_us)
    _keep_lists(connection, merged.key, (tags, aliases, files), (1 if redo else -1, 0))


def retract_memory(connection: apsw.Connection, key: int, now_us: int, reason: str) -> bool:
    """Retire a memory, which stays readable for ``as_of`` and history; say whether it was not."""
    connection.execute(_RETRACT, (now_us, reason, key))
    return connection.changes() > 0


def restore_memory(connection: apsw.Connection, key: int, now_us: int) -> None:
    """Take back a retirement; that it was one stays readable for ``as_of`` and history."""
    memory_lapses.insert_lapse(connection, key, now_us)
    connection.execute(_RESTORE, (key,))


def list_topic_versions(reader: apsw.Connection, memory: Memory) -> list[int]:
    """Return the keys of memories of its topic in its layer, newest first, retired ones too."""
    layer = (memory.project_id, memory.topic, memory.scope.value, memory.branch, memory.session)
    return [row[0] for row in reader.execute(_TOPIC_VERSIONS, (*layer, VERSIONS_LIMIT))]


def delete_memory(connection: apsw.Connection, key: int) -> None:
    """Remove a memory for good; text index and vectors are removed by their own files."""
    connection.execute(_DELETE, (key,))


def newest_key(reader: apsw.Connection) -> int:
    """Return the key of the memory stored last, 0 when there is none."""
    return int(reader.execute(_NEWEST).get or 0)


def count_memories(reader: apsw.Connection) -> int:
    """Return how many memories are in force."""
    return int(reader.execute(_COUNT).get)


def count_about(reader: apsw.Connection, project_id: int) -> int:
    """Return how many memories a project and the global layer have, at most 5,000."""
    return int(reader.execute(_ABOUT, (project_id, _ABOUT_LIMIT)).get)


def list_foreign_keys(reader: apsw.Connection, project_id: int, limit: int) -> list[int]:
    """Return the keys of memories that other projects have, at most so many."""
    return [row[0] for row in reader.execute(_FOREIGN, {"project": project_id, "limit": limit})]


def list_project_keys(reader: apsw.Connection, project_id: int) -> list[int]:
    """Return the keys of all memories of a project, retired ones too."""
    return [row[0] for row in reader.execute(_PROJECT_KEYS, (project_id,))]


def count_project_memories(reader: apsw.Connection, project_id: int) -> int:
    """Return how many memories a project has, retired ones too."""
    return int(reader.execute(_COUNT_PROJECT, (project_id,)).get)


def update_memories_project(connection: apsw.Connection, source_id: int, target_id: int) -> None:
    """Move the memories of a project to another; text index and vectors have their own files."""
    connection.execute(_MOVE, (target_id, source_id))


def _layer_key(new: NewMemory) -> tuple[int, str, str, str, int]:
    project_id, scope, branch, _ = layer_of(new.scope, new.place)
    return project_id, scope, branch, storable(new.place.session), new.recorded_us


def _one(reader: apsw.Connection, statement: str, values: Iterable[Any]) -> KeyedMemory | None:
    row = reader.execute(statement, tuple(values)).fetchone()
    return None if row is None else (row[0], _memory(row[1:]))


def _listed(new: NewMemory) -> tuple[list[Pair], list[Pair], list[Pair]]:
    """Return tags, aliases and files as dated lists take them."""
    return (
        [(tag, "") for tag in new.tags],
        [(alias, "") for alias in new.aliases],
        list(new.files.items()),
    )


def _lists(reader: apsw.Connection, key: int) -> tuple[list[Row], list[Row], list[Row]]:
    tags, aliases, files = reader.execute(_LISTS, (key,)).get
    return unpack_rows(tags), unpack_rows(aliases), unpack_rows(files)


def _keep_lists(
    connection: apsw.Connection,
    key: int,
    lists: tuple[list[Row], list[Row], list[Row]],
    seen: tuple[int, int],
) -> None:
    connection.execute(_SEEN, (*seen, *(pack_rows(rows) for rows in lists), key))


def _places(merged: Merged) -> tuple[list[int], list[int], list[int]]:
    return merged.tags, merged.aliases, merged.files


def _pairs_at(rows: Sequence[Row], places: Sequence[int]) -> list[Pair]:
    return [rows[place][:2] for place in places if place < len(rows)]


def _held(text: str) -> tuple[str, ...]:
    return tuple(value for value, _ in pairs_of(unpack_rows(text)))


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
        tags=_held(row[17]),
        aliases=_held(row[18]),
        files=dict(pairs_of(unpack_rows(row[19]))),
        metadata=msgspec.json.decode(row[20]),
        trace_id=row[21],
        span_id=row[22],
        tool_call_id=row[23],
        retraction=row[24],
        last_seen_us=row[25],
    )


def _json(value: Any) -> str:
    return _text.encode(value).decode()
