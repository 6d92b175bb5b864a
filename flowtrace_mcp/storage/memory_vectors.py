"""Vectors of memories, one for each part of a text, in one set for each project and embedder.

A vector is never changed: a new one has a larger key. So a process that keeps the codes of a set
in memory takes up what others stored by asking for larger keys, and a code of what was deleted
finds no row any more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import apsw

from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage.memories import VISIBLE, filter_parameters
from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE TABLE vector_sets (
        set_key INTEGER PRIMARY KEY,
        project_id INTEGER NOT NULL,
        embedder TEXT NOT NULL,
        vector_count INTEGER NOT NULL DEFAULT 0,
        memory_count INTEGER NOT NULL DEFAULT 0,
        UNIQUE (project_id, embedder)
    ) STRICT;
    CREATE INDEX vector_sets_by_embedder ON vector_sets (embedder);
    CREATE TABLE memory_vectors (
        vector_key INTEGER PRIMARY KEY AUTOINCREMENT,
        set_key INTEGER NOT NULL REFERENCES vector_sets,
        memory_key INTEGER NOT NULL REFERENCES memories ON DELETE CASCADE,
        part INTEGER NOT NULL,
        sign_code BLOB NOT NULL,
        int8_code BLOB NOT NULL,
        scale REAL NOT NULL,
        UNIQUE (memory_key, set_key, part)
    ) STRICT;
    CREATE INDEX memory_vectors_by_set ON memory_vectors (set_key);
    CREATE TRIGGER memory_vectors_counted AFTER INSERT ON memory_vectors BEGIN
        UPDATE vector_sets SET vector_count = vector_count + 1,
            memory_count = memory_count + (NEW.part = 0) WHERE set_key = NEW.set_key;
    END;
    CREATE TRIGGER memory_vectors_uncounted AFTER DELETE ON memory_vectors BEGIN
        UPDATE vector_sets SET vector_count = vector_count - 1,
            memory_count = memory_count - (OLD.part = 0) WHERE set_key = OLD.set_key;
    END;
"""
_INSERT_SET: Final = """
    INSERT INTO vector_sets (project_id, embedder) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
_FIND_SET: Final = "SELECT set_key FROM vector_sets WHERE project_id = ? AND embedder = ?"
_SETS: Final = """
    SELECT set_key, vector_count FROM vector_sets
    WHERE project_id IN (:project, 0) AND embedder = :embedder
"""
_INSERT: Final = """
    INSERT INTO memory_vectors (set_key, memory_key, part, sign_code, int8_code, scale)
    VALUES (?, ?, ?, ?, ?, ?)
"""
_DELETE: Final = "DELETE FROM memory_vectors WHERE memory_key = ? AND set_key = ?"
# The cosine of two int8 codes is that of the vectors: a scale per vector divides out.
_COSINE: Final = "1.0 - vec_distance_cosine(vec_int8(v.int8_code), vec_int8(:query))"
_SEARCH: Final = f"""
    SELECT v.memory_key, max({_COSINE}) AS score
    FROM memory_vectors AS v CROSS JOIN memories AS m ON m.memory_key = v.memory_key
    WHERE v.set_key IN carray(:sets) AND {VISIBLE}
    GROUP BY v.memory_key ORDER BY score DESC, v.memory_key DESC LIMIT :limit
"""
# The nearest of the sets whether they may be seen or not: without the join a third cheaper.
_NEAREST: Final = f"""
    SELECT v.memory_key, {_COSINE} AS score
    FROM memory_vectors AS v WHERE v.set_key IN carray(:sets)
    ORDER BY score DESC, v.memory_key DESC LIMIT :most
"""
_SCORE_VECTORS: Final = f"""
    SELECT v.memory_key, {_COSINE} AS score
    FROM carray(:vectors) AS wanted
    CROSS JOIN memory_vectors AS v ON v.vector_key = wanted.value
    ORDER BY score DESC, v.memory_key DESC
"""
_SEEN: Final = f"""
    SELECT m.memory_key FROM carray(:keys) AS wanted
    CROSS JOIN memories AS m ON m.memory_key = wanted.value WHERE {VISIBLE}
"""
_ALL_SEEN: Final = f"""
    SELECT m.memory_key FROM memories AS m WHERE m.project_id IN (:project, 0) AND {VISIBLE}
"""
_SCORE_MEMORIES: Final = f"""
    SELECT v.memory_key, max({_COSINE}) FROM memory_vectors AS v
    WHERE v.memory_key IN carray(:keys) AND v.set_key IN carray(:sets) GROUP BY v.memory_key
"""
_SIGN_CODES: Final = """
    SELECT vector_key, memory_key, sign_code FROM memory_vectors
    WHERE set_key = ? AND vector_key > ? AND length(sign_code) = ? ORDER BY vector_key LIMIT ?
"""
_PENDING: Final = """
    SELECT m.memory_key FROM memories AS m
    WHERE m.memory_key < :below AND NOT EXISTS (
        SELECT 1 FROM vector_sets AS s CROSS JOIN memory_vectors AS v
        ON v.memory_key = m.memory_key AND v.set_key = s.set_key
        WHERE s.embedder = :embedder)
    ORDER BY m.memory_key DESC LIMIT :limit
"""
_COUNTS: Final = """
    SELECT embedder, sum(memory_count) AS memories FROM vector_sets
    GROUP BY embedder ORDER BY memories DESC, embedder
"""
_TOTAL: Final = "SELECT count(*) FROM memories"
_MOVE: Final = """
    INSERT INTO memory_vectors (set_key, memory_key, part, sign_code, int8_code, scale)
    SELECT ?, memory_key, part, sign_code, int8_code, scale FROM memory_vectors
    WHERE set_key = ? ORDER BY vector_key
"""
_LIST_SETS: Final = "SELECT set_key, embedder FROM vector_sets WHERE project_id = ?"
_EMPTY_SET: Final = "DELETE FROM memory_vectors WHERE set_key = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """How far embedders have come."""

    memories: int  # all, retired ones too
    by_embedder: Mapping[str, int]  # how many have vectors of it; the one with the most first


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSet:
    """The vectors of one project that one embedder made."""

    set_key: int
    vector_count: int


def insert_vectors(
    connection: apsw.Connection, key: int, project_id: int, codes: Sequence[VectorCode]
) -> None:
    """Keep a memory's vectors, one for each part of its text, in place of the same embedder's.

    Those of other embedders stay: going back to one costs nothing.
    """
    for embedder in {code.embedder for code in codes}:
        connection.execute(_DELETE, (key, _set_key(connection, project_id, embedder)))
    for part, code in enumerate(codes):
        set_key = _set_key(connection, project_id, code.embedder)
        row = (set_key, key, part, code.sign_code, code.int8_code, code.scale)
        connection.execute(_INSERT, row)


def move_vectors(connection: apsw.Connection, from_project: int, to_project: int) -> None:
    """Give the vectors of a project to another one, under new keys."""
    for set_key, embedder in list(connection.execute(_LIST_SETS, (from_project,))):
        connection.execute(_MOVE, (_set_key(connection, to_project, embedder), set_key))
        connection.execute(_EMPTY_SET, (set_key,))


def list_sets(reader: apsw.Connection, project_id: int, embedder: str) -> list[VectorSet]:
    """Return the sets that a question of a project searches: its own and the global one."""
    rows = reader.execute(_SETS, {"project": project_id, "embedder": embedder})
    return [VectorSet(set_key=key, vector_count=count) for key, count in rows]


def search_exactly(
    reader: apsw.Connection,
    query: VectorCode,
    sets: Sequence[int],
    wanted: MemoryFilter,
    limits: tuple[int, int],
) -> list[tuple[int, float]]:
    """Return (memory key, cosine of its best part) of the nearest memories that pass a filter.

    Args:
        reader: A read connection.
        query: The question.
        sets: Which to search, by their keys.
        wanted: Which memories may be seen.
        limits: How many are wanted, and how many are looked at before every one is filtered.
    """
    limit, most = limits
    parameters = {"query": query.int8_code, "sets": int_array(sets), "most": most}
    nearest = list(reader.execute(_NEAREST, parameters))
    # Most filters hide little, and holding a memory against one takes as long as scoring it.
    for looked_at in (limit * 5 // 4, most):
        found = best_seen(reader, nearest[:looked_at], wanted)[:limit]
        if len(found) == limit:
            return found
    if len(nearest) < most:
        return found
    parameters |= {**filter_parameters(wanted), "limit": limit}
    return list(reader.execute(_SEARCH, parameters))


def score_vectors(
    reader: apsw.Connection, query: VectorCode, vectors: Sequence[int]
) -> list[tuple[int, float]]:
    """Return (memory key, cosine) of some vectors, best first.

    Args:
        reader: A read connection.
        query: The question.
        vectors: Keys; those of vectors that are gone are passed over.
    """
    parameters = {"query": query.int8_code, "vectors": int_array(vectors)}
    return list(reader.execute(_SCORE_VECTORS, parameters))


def best_seen(
    reader: apsw.Connection, scored: Sequence[tuple[int, float]], wanted: MemoryFilter
) -> list[tuple[int, float]]:
    """Return the memories of a list, best first, that pass a filter, each by its best part."""
    best: dict[int, float] = {}
    for key, score in scored:
        best.setdefault(key, score)
    seen = list_seen(reader, list(best), wanted)
    return [pair for pair in best.items() if pair[0] in seen]


def score_memories(
    reader: apsw.Connection, query: VectorCode, sets: Sequence[int], keys: Sequence[int]
) -> dict[int, float]:
    """Return memory key -> cosine of its best part for those keys that have a vector."""
    if not keys:
        return {}
    parameters = {"query": query.int8_code, "sets": int_array(sets), "keys": int_array(keys)}
    return dict(reader.execute(_SCORE_MEMORIES, parameters))


def list_seen(reader: apsw.Connection, keys: Sequence[int], wanted: MemoryFilter) -> set[int]:
    """Return those of some memories that pass a filter."""
    return {
        row[0]
        for row in reader.execute(_SEEN, {**filter_parameters(wanted), "keys": int_array(keys)})
    }


def list_all_seen(reader: apsw.Connection, wanted: MemoryFilter) -> list[int]:
    """Return every memory of the project, and of the global layer, that passes a filter."""
    return [row[0] for row in reader.execute(_ALL_SEEN, filter_parameters(wanted))]


def list_sign_codes(
    reader: apsw.Connection, set_key: int, after_key: int, code_bytes: int, limit: int
) -> list[tuple[int, int, bytes]]:
    """Return (vector key, memory key, sign code) of a set beyond a vector, in order."""
    return list(reader.execute(_SIGN_CODES, (set_key, after_key, code_bytes, limit)))


def list_pending(reader: apsw.Connection, embedder: str, below_key: int, limit: int) -> list[int]:
    """Return keys of memories without a vector of an embedder, newest first.

    Retired ones are among them: a question about an earlier time finds them.

    Args:
        reader: A read connection.
        embedder: Its id.
        below_key: Only memories before this one.
        limit: At most so many.
    """
    parameters = {"embedder": embedder, "below": below_key, "limit": limit}
    return [row[0] for row in reader.execute(_PENDING, parameters)]


def count_read(reader: apsw.Connection) -> dict[str, int]:
    """Return embedder -> how many memories it has read, of a few rows that hold the sums."""
    return dict(reader.execute(_COUNTS))


def count_embedded(reader: apsw.Connection) -> Embedded:
    """Return how many memories there are, and how many of them each embedder has read."""
    # In this order: a memory is never counted as read before it is counted.
    by_embedder = count_read(reader)
    return Embedded(memories=int(reader.execute(_TOTAL).get), by_embedder=by_embedder)


def _set_key(connection: apsw.Connection, project_id: int, embedder: str) -> int:
    connection.execute(_INSERT_SET, (project_id, embedder))
    return int(connection.execute(_FIND_SET, (project_id, embedder)).get)
