"""Vectors of memories: distances, filters and embedders."""

import math
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtrace_mcp.model.memory import MemoryKind, MemoryPlace, ScopeName
from flowtrace_mcp.storage.connection import load_vectors
from flowtrace_mcp.storage.memory_store import MemoryStore
from flowtrace_mcp.storage.memory_vectors import move_vectors, score_memories
from flowtrace_mcp.storage.store import Store
from tests.storage.memory_builder import asking, by_rule, code, new_memory, write_of

OTHER = MemoryPlace(project_id=2)


@pytest.fixture
def memories(store: Store) -> MemoryStore:
    return store.memories


def keep(memories: MemoryStore, content: str, *dimensions: int, **said: Any) -> None:
    embedder = said.pop("embedder", "e@1")
    vector = code(*dimensions, embedder=embedder)
    memories.insert_memories([write_of(new_memory(content, **said), vector=vector)], by_rule)


def nearest(memories: MemoryStore, *dimensions: int, limit: int = 10, **said: Any) -> list[str]:
    query = code(*dimensions, embedder=said.pop("embedder", "e@1"))
    hits = memories.search(None, query, asking(**said), limit)
    stored = memories.get_memories([hit.key for hit in hits])
    best = sorted(hits, key=lambda hit: -(hit.cosine or 0))
    return [stored[hit.key].content for hit in best]


def test_the_nearest_are_found_and_the_limit_keeps_the_best(memories: MemoryStore) -> None:
    keep(memories, "north", 0, 100)
    keep(memories, "east", 100, 0)
    keep(memories, "north-east", 100, 100)

    assert nearest(memories, 10, 90) == ["north", "north-east", "east"]
    assert nearest(memories, 10, 90, limit=1) == ["north"]


def test_filters_hold_before_the_limit(memories: MemoryStore) -> None:
    for number in range(5):
        keep(memories, f"near {number}", 100, number, kind=MemoryKind.NOTE)
    keep(memories, "far", 1, 100, kind=MemoryKind.FIX, tags=("t",))

    assert nearest(memories, 100, 0, limit=1, kinds=(MemoryKind.FIX,)) == ["far"]
    assert nearest(memories, 100, 0, limit=1, tags=("t",)) == ["far"]


def test_vectors_of_another_project_are_never_seen(memories: MemoryStore) -> None:
    keep(memories, "mine", 0, 100)
    keep(memories, "theirs", 100, 0, place=OTHER)
    keep(memories, "everybody's", 50, 50, place=OTHER, scope=ScopeName.GLOBAL)

    assert nearest(memories, 100, 0) == ["everybody's", "mine"]
    assert nearest(memories, 100, 0, place=OTHER) == ["theirs", "everybody's"]


def test_vectors_of_another_embedder_do_not_compare(memories: MemoryStore) -> None:
    keep(memories, "old", 100, 0, embedder="old@1")
    keep(memories, "new", 0, 100)

    assert nearest(memories, 100, 0) == ["new"]
    assert nearest(memories, 100, 0, embedder="old@1") == ["old"]


def test_a_new_vector_takes_the_place_of_an_older_one_of_the_same_embedder(
    memories: MemoryStore,
) -> None:
    keep(memories, "text", 100, 0)
    keep(memories, "other", 100, 100)

    memories.insert_vectors([(1, [code(0, 100)])])

    assert nearest(memories, 0, 100) == ["text", "other"]


def test_vectors_of_another_embedder_stay_when_there_are_new_ones(memories: MemoryStore) -> None:
    keep(memories, "text", 100, 0, embedder="old@1")

    memories.insert_vectors([(1, [code(0, 100)])])

    assert nearest(memories, 0, 100) == ["text"]
    assert nearest(memories, 100, 0, embedder="old@1") == ["text"]


def test_a_memory_of_several_parts_counts_by_its_best_and_once(memories: MemoryStore) -> None:
    keep(memories, "long", 100, 0)
    keep(memories, "short", 70, 100)
    memories.insert_vectors([(1, [code(100, 0), code(0, 100), code(100, 0)])])

    assert nearest(memories, 0, 100) == ["long", "short"]
    assert nearest(memories, 0, 100, limit=1) == ["long"]


def test_vectors_move_with_their_memories_to_another_project(store: Store) -> None:
    keep(store.memories, "here", 100, 0)
    keep(store.memories, "there", 0, 100, place=OTHER)

    def move(connection: apsw.Connection) -> None:
        connection.execute("UPDATE memories SET project_id = 2 WHERE project_id = 1")
        move_vectors(connection, 1, 2)

    store._database.write(move)

    assert nearest(store.memories, 100, 0, place=OTHER) == ["here", "there"]
    assert nearest(store.memories, 100, 0) == []


def test_a_vector_of_nothing_has_no_cosine_and_breaks_nothing(memories: MemoryStore) -> None:
    keep(memories, "empty", 0, 0)
    keep(memories, "full", 100, 0)

    hits = memories.search(None, code(100, 0), asking(), 10)

    assert sorted((hit.cosine is None, hit.cosine or 0) for hit in hits) == [(False, 1), (True, 0)]


components = st.integers(-127, 127)


@settings(max_examples=100)
@given(st.lists(st.tuples(components, components), min_size=4, max_size=20))
def test_the_cosine_in_sql_is_the_cosine(pairs: list[tuple[int, int]]) -> None:
    left, right = (code(*side) for side in zip(*pairs, strict=True))
    connection = apsw.Connection(":memory:")
    load_vectors(connection)
    connection.execute("CREATE TABLE memory_vectors (memory_key, set_key, int8_code)")
    connection.execute("INSERT INTO memory_vectors VALUES (1, 7, ?)", (left.int8_code,))

    found = score_memories(connection, right, [7], [1])[1]

    length = math.prod(math.hypot(*side) for side in zip(*pairs, strict=True))
    dot = sum(a * b for a, b in pairs)
    assert (found is None) if length == 0 else found == pytest.approx(dot / length, abs=1e-5)
    connection.close()
