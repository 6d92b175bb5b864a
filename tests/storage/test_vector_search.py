"""Search by sign codes in memory gives the answers of the exact search."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw
import numpy as np
import pytest

from flowtrace_mcp.embedding.codes import sign_code, to_int8
from flowtrace_mcp.model.memory import MemoryKind, MemoryPlace, ScopeName
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage import vector_search
from flowtrace_mcp.storage.memory_store import MemoryStore
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import Clock
from tests.storage.memory_builder import NOW_US, asking, by_rule, new_memory, write_of

MEMORIES = 3_000
CLUSTERS = 60
QUERIES = 30
BEST = 10
# `fix` is one memory in 60 and `gotcha` one in 1,000; every other one is a fact.
RARE, RARER = 60, 1_000
OTHER = MemoryPlace(project_id=2)


def units(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def vectors_of(count: int, seed: int) -> Any:
    """Return vectors in clusters; those of every seed are around the same centres."""
    centres = units(np.random.default_rng(1).standard_normal((CLUSTERS, 384)))
    chance = np.random.default_rng(seed)
    noise = units(chance.standard_normal((count, 384)))
    chosen = centres[chance.integers(0, CLUSTERS, count)]
    return units(chosen + 0.9 * noise).astype(np.float32)


def codes_of(vectors: Any) -> list[VectorCode]:
    numbers, scales = to_int8(vectors)
    return [
        VectorCode(
            embedder="e@1",
            sign_code=sign.tobytes(),
            int8_code=number.tobytes(),
            scale=float(scale),
        )
        for sign, number, scale in zip(sign_code(vectors), numbers, scales, strict=True)
    ]


def keep(memories: MemoryStore, codes: list[VectorCode], start: int = 0, **said: Any) -> None:
    def kind(at: int) -> MemoryKind:
        if at % RARER == 0:
            return MemoryKind.GOTCHA
        return MemoryKind.FIX if at % RARE == 0 else MemoryKind.FACT

    writes = [
        replace(
            write_of(new_memory(f"text-{at}", **{"kind": kind(at), **said}), vector=code),
            near_terms=(),
        )
        for at, code in enumerate(codes, start)
    ]
    memories.insert_memories(writes, by_rule)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of some thousand memories, and one of everybody's in ten."""
    path = tmp_path_factory.mktemp("vectors") / "flowtrace.db"
    codes = codes_of(vectors_of(MEMORIES, 2))
    with closing(Store(path, Clock(), durable=False)) as store:
        for start in range(0, MEMORIES, 250):
            scope = ScopeName.GLOBAL if start % 2500 == 0 else ScopeName.REPO
            keep(store.memories, codes[start : start + 250], start, scope=scope)
    return path


@pytest.fixture
def exact(filled: Path) -> Iterator[Store]:
    with closing(Store(filled, Clock(), exact_vectors=2**62)) as store:
        yield store


@pytest.fixture
def by_codes(filled: Path) -> Iterator[Store]:
    with closing(Store(filled, Clock(), exact_vectors=0)) as store:
        yield store


@pytest.fixture
def small(path: Path) -> Iterator[Store]:
    """Return a store of its own that searches by codes alone."""
    with closing(Store(path, Clock(), durable=False, exact_vectors=0)) as store:
        yield store


def best(store: Store, query: VectorCode, limit: int = BEST, **wanted: Any) -> list[int]:
    hits = store.memories.search(None, query, asking(**wanted), limit)
    ordered = sorted(hits, key=lambda hit: (-(hit.cosine or 0), -hit.key))
    return [hit.key for hit in ordered]


QUESTIONS = codes_of(vectors_of(QUERIES, 3))
FILTERS: dict[str, dict[str, Any]] = {
    "everything": {},
    "all but a few": {"kinds": (MemoryKind.FACT,)},
    "one in sixty": {"kinds": (MemoryKind.FIX,)},
    "one in a thousand": {"kinds": (MemoryKind.GOTCHA,)},
    "the global layer": {"scope": ScopeName.GLOBAL},
    "nothing": {"tags": ("none",)},
}


@pytest.mark.parametrize("name", FILTERS)
def test_both_searches_give_the_same_answers_whatever_the_filter_hides(
    name: str, exact: Store, by_codes: Store
) -> None:
    wanted = FILTERS[name]

    right = [best(exact, query, **wanted) for query in QUESTIONS]
    found = [best(by_codes, query, **wanted) for query in QUESTIONS]

    assert [len(keys) for keys in found] == [len(keys) for keys in right]
    assert all(hidden_keys(by_codes, keys, wanted) == [] for keys in found)
    shared = sum(len({*some} & {*others}) for some, others in zip(found, right, strict=True))
    assert shared >= 0.98 * sum(map(len, right))


def hidden_keys(store: Store, keys: list[int], wanted: dict[str, Any]) -> list[int]:
    stored = store.memories.get_memories(keys)
    kinds = wanted.get("kinds", tuple(MemoryKind))
    return [key for key in keys if stored[key].kind not in kinds]


def test_a_filter_that_few_pass_is_answered_exactly(exact: Store, by_codes: Store) -> None:
    wanted = FILTERS["one in sixty"]  # 50 pass it, and 16 times the limit are scored

    assert [best(by_codes, query, **wanted) for query in QUESTIONS] == [
        best(exact, query, **wanted) for query in QUESTIONS
    ]


def test_equal_scores_come_with_equal_cosines(exact: Store, by_codes: Store) -> None:
    for query in QUESTIONS[:5]:
        right = {h.key: h.cosine for h in exact.memories.search(None, query, asking(), BEST)}
        found = {h.key: h.cosine for h in by_codes.memories.search(None, query, asking(), BEST)}

        assert {key: found[key] for key in right.keys() & found.keys()} == {
            key: right[key] for key in right.keys() & found.keys()
        }


def test_what_another_process_stores_is_found(small: Store, path: Path) -> None:
    codes = codes_of(vectors_of(40, 4))
    keep(small.memories, codes[:20])
    assert best(small, codes[30], 1) != [31]

    with closing(Store(path, Clock(), durable=False)) as other:
        keep(other.memories, codes[20:], 20)

    assert [best(small, code, 1) for code in codes] == [[at] for at in range(1, 41)]


def test_what_is_deleted_or_retired_is_found_no_more(small: Store) -> None:
    codes = codes_of(vectors_of(40, 4))
    keep(small.memories, codes)
    assert best(small, codes[3], 1) == [4]
    gone = small.memories.get_memories([4, 6])

    small.memories.delete(gone[4].handle)
    small.memories.retract(gone[6].handle, NOW_US - 1, "wrong")

    assert 4 not in best(small, codes[3], 40)
    assert 6 not in best(small, codes[5], 40)
    assert 6 in best(small, codes[5], 40, as_of_us=NOW_US - 2)


def test_a_memory_embedded_anew_is_found_by_its_new_vector_alone(small: Store) -> None:
    codes = codes_of(vectors_of(40, 4))
    keep(small.memories, codes[:30])
    assert best(small, codes[3], 1) == [4]

    small.memories.insert_vectors([(4, [codes[35]])])

    assert best(small, codes[35], 1) == [4]
    assert best(small, codes[3], 1) != [4]


def test_codes_of_what_is_gone_are_let_go_when_they_are_many(small: Store) -> None:
    codes = codes_of(vectors_of(40, 4))
    keep(small.memories, codes)
    best(small, codes[0])
    small._database.write(lambda c: c.execute("DELETE FROM memory_vectors WHERE memory_key > 30"))

    best(small, codes[0])

    assert [held.count for held in small.memories._vectors._codes.values()] == [30]


def test_another_project_is_never_seen(small: Store) -> None:
    codes = codes_of(vectors_of(40, 4))
    keep(small.memories, codes[:20])
    keep(small.memories, codes[20:], 20, place=OTHER)

    assert best(small, codes[30], 40) == sorted(
        best(small, codes[30], 40), key=lambda key: key > 20
    )
    assert max(best(small, codes[30], 40)) == 20
    assert min(best(small, codes[30], 40, place=OTHER)) == 21


def test_a_memory_of_several_parts_is_found_once_by_the_best(small: Store) -> None:
    codes = codes_of(vectors_of(40, 4))
    keep(small.memories, codes[:10])
    small.memories.insert_vectors([(1, codes[20:])])

    assert [best(small, code, 10).count(1) for code in codes[20:]] == [1] * 20
    assert [best(small, code, 1) for code in codes[20:]] == [[1]] * 20


def test_sets_used_longest_ago_are_let_go(small: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector_search, "KEPT_CODES", 25)
    codes = codes_of(vectors_of(40, 4))
    places = [MemoryPlace(project_id=number) for number in (1, 2, 3, 4)]
    for number, place in enumerate(places):
        keep(small.memories, codes[number * 10 : number * 10 + 10], number * 10, place=place)

    for place in places:
        best(small, codes[0], place=place)

    assert list(small.memories._vectors._codes) == [3, 4]
    assert best(small, codes[0], 1, place=places[0]) == [1]


def test_codes_of_another_length_are_passed_over(small: Store) -> None:
    codes = codes_of(vectors_of(10, 4))
    keep(small.memories, codes)

    def cut(connection: apsw.Connection) -> None:
        connection.execute(
            "UPDATE memory_vectors SET sign_code = substr(sign_code, 1, 5) WHERE vector_key = 3"
        )

    small._database.write(cut)

    assert sorted(best(small, codes[0], 20)) == [1, 2, *range(4, 11)]
