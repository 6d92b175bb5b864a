"""What ranking is told of a memory, and which memories stand around it."""

import pytest

from flowtrace_mcp.model.memory import MemoryPlace, ScopeName
from flowtrace_mcp.storage.memory_store import MemoryStore
from flowtrace_mcp.storage.memory_text import COMMON_LEAST_ROWS
from flowtrace_mcp.storage.memory_traits import BEGINNING_CHARACTERS, Traits
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import asking, by_rule, keep, matching, new_memory, write_of

OTHER = MemoryPlace(project_id=2, branch="main", session="s-1")


@pytest.fixture
def memories(store: Store) -> MemoryStore:
    return store.memories


def beginnings(found: list[Traits]) -> list[str]:
    return [one.beginning for one in found]


def test_traits_are_place_author_date_and_text(memories: MemoryStore) -> None:
    keep(memories, "Is it on?", author="ann", sequence=7)
    key = memories.newest_key()

    (traits,) = memories.list_traits([key, 999])

    assert traits == Traits(key, "s-1", 7, "ann", START_US, "Is it on?")


@pytest.mark.parametrize("over", [0, 1])
def test_of_a_longer_text_the_beginning_is_told_and_marked(
    memories: MemoryStore, over: int
) -> None:
    text = "y" * (BEGINNING_CHARACTERS + over)
    keep(memories, text)

    (traits,) = memories.list_traits([memories.newest_key()])

    assert traits.beginning == text[:BEGINNING_CHARACTERS] + "…" * over


def test_memories_are_found_by_their_place(memories: MemoryStore) -> None:
    for number in (1, 2, 3):
        keep(memories, f"turn {number}", sequence=number)
    keep(memories, "elsewhere", place=OTHER, sequence=2)

    found = memories.list_at_places([("s-1", 2), ("s-1", 3), ("s-2", 1)], asking(), 10)

    assert beginnings(found) == ["turn 2", "turn 3"]
    assert beginnings(memories.list_at_places([("s-1", 2), ("s-1", 3)], asking(), 1)) == ["turn 2"]


def test_what_may_not_be_seen_is_not_found_by_its_place(memories: MemoryStore) -> None:
    keep(memories, "over", sequence=2, valid_to_us=START_US + 1)

    assert memories.list_at_places([("s-1", 2)], asking(), 10) == []


def test_words_are_found_in_the_asking_project_alone(memories: MemoryStore) -> None:
    keep(memories, "deploy by hand")
    mine = memories.newest_key()
    keep(memories, "deploy by make", place=OTHER)

    assert memories.list_word_rows(["deploy", "gone"], 1) == {"deploy": {mine}, "gone": set()}


def test_words_are_found_among_many_memories_of_other_projects(memories: MemoryStore) -> None:
    elsewhere = [new_memory(f"deploy {n}", place=OTHER) for n in range(COMMON_LEAST_ROWS)]
    memories.insert_memories([write_of(new) for new in elsewhere], by_rule)
    keep(memories, "deploy by hand")
    mine = memories.newest_key()
    keep(memories, "deploy everywhere", scope=ScopeName.GLOBAL)

    found = memories.list_word_rows(["deploy", "gone"], 1)

    assert found == {"deploy": {mine, memories.newest_key()}, "gone": set()}
    assert memories.list_word_rows(["deploy"], 2) == {}


def test_a_word_that_many_hold_elsewhere_is_not_left_out(memories: MemoryStore) -> None:
    writes = [write_of(new_memory(f"turn {n}", place=OTHER)) for n in range(COMMON_LEAST_ROWS - 1)]
    memories.insert_memories(writes, by_rule)
    keep(memories, "turn here")

    assert memories.list_word_rows(["turn"], 1) == {"turn": {memories.newest_key()}}


def test_a_search_among_some_memories_finds_no_others(memories: MemoryStore) -> None:
    keep(memories, "deploy by hand")
    first = memories.newest_key()
    keep(memories, "deploy by make")
    alone, both = (
        memories.search(matching("deploy"), None, asking(), 10, among)
        for among in ([first], [first, memories.newest_key()])
    )

    assert [hit.key for hit in alone] == [first]
    assert both == memories.search(matching("deploy"), None, asking(), 10)
    assert memories.search(matching("deploy"), None, asking(), 10, ()) == []


def test_a_word_that_many_hold_is_left_out(memories: MemoryStore) -> None:
    writes = [write_of(new_memory(f"turn {n}")) for n in range(COMMON_LEAST_ROWS)]
    memories.insert_memories(writes[1:], by_rule)
    assert "turn" in memories.list_word_rows(["turn"], 1)

    memories.insert_memories(writes[:1], by_rule)

    assert memories.list_word_rows(["turn"], 1) == {}
