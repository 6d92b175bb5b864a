import pytest

from flowtrace_mcp.storage import shown_memories
from flowtrace_mcp.storage.shown_memories import KEPT_US
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import asking, keep


def key_of(store: Store, content: str) -> int:
    keep(store.memories, content)
    ((key, _),) = store.memories.list_recent(asking(), 1)
    return key


def test_what_was_shown_is_listed_for_its_session_alone(store: Store) -> None:
    key = key_of(store, "ports are fixed")

    store.memories.insert_shown("s-1", [key], START_US)

    assert store.memories.list_shown("s-1") == {key}
    assert store.memories.list_shown("s-2") == set()


def test_showing_again_counts_from_the_last_time(store: Store) -> None:
    key, other = key_of(store, "ports are fixed"), key_of(store, "colours are free")
    store.memories.insert_shown("s-1", [key], START_US)
    store.memories.insert_shown("s-1", [key], START_US + KEPT_US)

    store.memories.insert_shown("s-2", [other], START_US + KEPT_US + 1)

    assert store.memories.list_shown("s-1") == {key}


def test_a_session_silent_for_long_starts_afresh(store: Store) -> None:
    key = key_of(store, "ports are fixed")
    store.memories.insert_shown("s-1", [key], START_US)

    store.memories.insert_shown("s-2", [key], START_US + KEPT_US + 1)

    assert store.memories.list_shown("s-1") == set()


def test_a_memory_deleted_for_good_leaves_no_trace(store: Store) -> None:
    handle = keep(store.memories, "ports are fixed").handle
    ((key, _),) = store.memories.list_recent(asking(), 1)
    store.memories.insert_shown("s-1", [key], START_US)

    store.memories.delete(handle)

    assert store.memories.list_shown("s-1") == set()


def test_a_memory_deleted_meanwhile_is_not_noted(store: Store) -> None:
    store.memories.insert_shown("s-1", [99], START_US)

    assert store.memories.list_shown("s-1") == set()


def test_of_a_long_session_the_latest_are_known(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_memories, "SESSION_LIMIT", 1)
    first, second = key_of(store, "ports are fixed"), key_of(store, "colours are free")
    store.memories.insert_shown("s-1", [first], START_US)
    store.memories.insert_shown("s-1", [second], START_US + 1)

    assert store.memories.list_shown("s-1") == {second}


def test_a_session_is_told_afresh_and_no_other(store: Store) -> None:
    key = key_of(store, "ports are fixed")
    for session in ("s-1", "s-2"):
        store.memories.insert_shown(session, [key], START_US)

    store.memories.delete_shown("s-1")

    assert store.memories.list_shown("s-1") == set()
    assert store.memories.list_shown("s-2") == {key}
