"""Vectors of memories, one row a memory and embedder; searched exactly with sqlite-vec."""

from collections.abc import Sequence
from typing import Final

import apsw

from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage.memories import VISIBLE, filter_parameters
from flowtrace_mcp.storage.rows import int_array

CREATE: Final = """
    CREATE TABLE memory_vectors (
        memory_key INTEGER PRIMARY KEY REFERENCES memories ON DELETE CASCADE,
        project_id INTEGER NOT NULL,
        embedder TEXT NOT NULL,
        sign_code BLOB NOT NULL,
        int8_code BLOB NOT NULL,
        scale REAL NOT NULL
    ) STRICT;
    CREATE INDEX memory_vectors_by_project ON memory_vectors (project_id, embedder);
"""
_INSERT: Final = """
    INSERT INTO memory_vectors (memory_key, project_id, embedder, sign_code, int8_code, scale)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (memory_key) DO UPDATE SET project_id = excluded.project_id,
        embedder = excluded.embedder, sign_code = excluded.sign_code,
        int8_code = excluded.int8_code, scale = excluded.scale
"""
# The cosine of two int8 codes is that of the vectors: a scale per vector divides out.
_SEARCH: Final = f"""
    SELECT m.memory_key,
        1.0 - vec_distance_cosine(vec_int8(v.int8_code), vec_int8(:query)) AS score
    FROM memory_vectors AS v CROSS JOIN memories AS m ON m.memory_key = v.memory_key
    WHERE v.project_id IN (:project, 0) AND v.embedder = :embedder AND {VISIBLE}
    ORDER BY score DESC, m.memory_key DESC LIMIT :limit
"""
# The nearest of the project whether they may be seen or not: without the join a third cheaper.
_NEAREST: Final = """
    SELECT memory_key, 1.0 - vec_distance_cosine(vec_int8(int8_code), vec_int8(:query)) AS score
    FROM memory_vectors WHERE project_id IN (:project, 0) AND embedder = :embedder
    ORDER BY score DESC, memory_key DESC LIMIT :nearest
"""
_SEEN: Final = f"""
    SELECT m.memory_key FROM memories AS m WHERE m.memory_key IN carray(:keys) AND {VISIBLE}
"""
# So many times as many are looked at as are wanted, before every one is filtered.
NEAREST_FACTOR: Final = 4
_SCORES: Final = """
    SELECT memory_key,
        1.0 - vec_distance_cosine(vec_int8(int8_code), vec_int8(:query))
    FROM memory_vectors WHERE embedder = :embedder AND memory_key IN carray(:keys)
"""
_PENDING: Final = """
    SELECT m.memory_key FROM memories AS m
    LEFT JOIN memory_vectors AS v ON v.memory_key = m.memory_key AND v.embedder = ?
    WHERE v.memory_key IS NULL AND m.retracted_us IS NULL
    ORDER BY m.memory_key DESC LIMIT ?
"""
_HAS_UNEMBEDDED: Final = """
    SELECT EXISTS (
        SELECT 1 FROM memories AS m
        WHERE m.memory_key > ? AND m.retracted_us IS NULL
        AND NOT EXISTS (SELECT 1 FROM memory_vectors AS v WHERE v.memory_key = m.memory_key))
"""
_COUNT_PENDING: Final = """
    SELECT count(*) FROM memories AS m
    LEFT JOIN memory_vectors AS v ON v.memory_key = m.memory_key AND v.embedder = ?
    WHERE v.memory_key IS NULL AND m.retracted_us IS NULL
"""


def insert_vector(connection: apsw.Connection, key: int, project_id: int, code: VectorCode) -> None:
    """Keep a memory's vector, in place of one of an older embedder."""
    values = (key, project_id, code.embedder, code.sign_code, code.int8_code, code.scale)
    connection.execute(_INSERT, values)


def search_vectors(
    reader: apsw.Connection, query: VectorCode, wanted: MemoryFilter, limit: int
) -> list[tuple[int, float]]:
    """Return (memory key, cosine) of the nearest memories that pass a filter."""
    parameters = {
        **filter_parameters(wanted),
        "query": query.int8_code,
        "embedder": query.embedder,
        "limit": limit,
    }
    most = limit * NEAREST_FACTOR
    nearest = list(reader.execute(_NEAREST, {**parameters, "nearest": most}))
    keys = int_array([key for key, _ in nearest])
    seen = {row[0] for row in reader.execute(_SEEN, {**parameters, "keys": keys})}
    found = [pair for pair in nearest if pair[0] in seen][:limit]
    if len(found) == limit or len(nearest) < most:
        return found
    return list(reader.execute(_SEARCH, parameters))


def score_vectors(
    reader: apsw.Connection, query: VectorCode, keys: Sequence[int]
) -> dict[int, float]:
    """Return memory key -> cosine for those keys that have a vector of the same embedder."""
    if not keys:
        return {}
    parameters = {
        "query": query.int8_code,
        "embedder": query.embedder,
        "keys": int_array(keys),
    }
    return dict(reader.execute(_SCORES, parameters))


def list_pending(reader: apsw.Connection, embedder: str, limit: int) -> list[int]:
    """Return keys of memories in force without a vector of an embedder, newest first."""
    return [row[0] for row in reader.execute(_PENDING, (embedder, limit))]


def has_unembedded(reader: apsw.Connection, after_key: int) -> bool:
    """Say whether a memory in force beyond a key has no vector of any embedder."""
    return bool(reader.execute(_HAS_UNEMBEDDED, (after_key,)).get)


def count_pending(reader: apsw.Connection, embedder: str) -> int:
    """Return how many memories in force have no vector of an embedder."""
    return int(reader.execute(_COUNT_PENDING, (embedder,)).get)
