"""Which memories a new one is held against."""

from collections.abc import Sequence

import pytest

from flowtrace_mcp.model.memory import MemoryPlace, NewMemory, Outcome, ScopeName
from flowtrace_mcp.storage import memory_store, memory_text
from flowtrace_mcp.storage.memory_store import Kin, MemoryStore, Verdict
from flowtrace_mcp.storage.store import Store
from tests.storage.memory_builder import by_rule, keep, new_memory, write_of

OTHER = MemoryPlace(project_id=2, branch="main", session="s-1")


@pytest.fixture
def memories(store: Store) -> MemoryStore:
    return store.memories


def near_to(memories: MemoryStore, terms: Sequence[str], **said: object) -> list[str]:
    """Return the texts that a new memory is held against, best first."""
    found: list[str] = []

    def judge(_: NewMemory, kin: Kin) -> Verdict:
        found.extend(memory.content for memory in kin.near)
        return Verdict(outcome=Outcome.NEW)

    write = write_of(new_memory("something new", **said))
    object.__setattr__(write, "near_terms", terms)
    memories.insert_memories([write], judge)
    return found


def test_who_shares_the_most_comes_first_and_no_more_than_a_few(memories: MemoryStore) -> None:
    for number in range(memory_store.NEAR_LIMIT):
        keep(memories, f"port {number}")
    keep(memories, "port of staging")

    found = near_to(memories, ["port", "staging"])

    assert len(found) == memory_store.NEAR_LIMIT
    assert found[0] == "port of staging"


def test_layers_are_held_against_their_own_alone(memories: MemoryStore) -> None:
    keep(memories, "port here")
    keep(memories, "port elsewhere", place=OTHER)
    keep(memories, "port everywhere", scope=ScopeName.GLOBAL)

    assert near_to(memories, ["port"]) == ["port here"]
    assert near_to(memories, ["port"], scope=ScopeName.GLOBAL) == ["port everywhere"]


def test_those_out_of_force_leave_their_place_to_others(
    memories: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_store, "NEAR_LOOKED_AT", 1)
    keep(memories, "port of production")
    gone = keep(memories, "port of staging")
    memories.retract(gone.handle, 1, "")

    assert near_to(memories, ["port", "staging"]) == ["port of production"]


def test_where_each_word_is_common_all_of_them_are_asked(
    memories: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_text, "COMMON_LEAST_ROWS", 1)
    memories.insert_memories([write_of(new_memory(f"port {n}")) for n in range(3)], by_rule)

    assert len(near_to(memories, ["port"])) == 3
