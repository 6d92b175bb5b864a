import pytest

from flowtrace_mcp.model.memory import MemoryPlace, ScopeName
from flowtrace_mcp.storage import memory_text
from flowtrace_mcp.storage.store import Store
from tests.storage.memory_builder import asking, keep, matching

OTHER = MemoryPlace(project_id=2)


def keys_of(store: Store) -> dict[str, int]:
    return {m.content: key for key, m in store.memories.list_recent(asking(), 100)}


def test_holders_are_counted_in_the_project_and_named_among_those_asked_for(store: Store) -> None:
    for content in ("ports are fixed", "the port moved", "colours are free"):
        keep(store.memories, content)
    keep(store.memories, "ports of another project", place=OTHER)
    keys = keys_of(store)
    asked = [keys["ports are fixed"], keys["colours are free"]]

    held = store.memories.list_holders({"port": matching("port")}, asked)

    assert held == {"port": (2, {keys["ports are fixed"]})}


def test_a_common_word_still_names_those_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory_text, "HOLDERS_LIMIT", 2)
    for number in range(4):
        keep(store.memories, f"port number {number}")
    last = keys_of(store)["port number 3"]

    assert store.memories.list_holders({"port": matching("port")}, [last]) == {"port": (2, {last})}


def test_a_project_counts_its_own_memories_and_the_global_ones(store: Store) -> None:
    keep(store.memories, "ports are fixed")
    keep(store.memories, "everywhere", scope=ScopeName.GLOBAL)
    keep(store.memories, "ports of another project", place=OTHER)

    assert store.memories.count_about(1) == 2
