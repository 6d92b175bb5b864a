"""Projects listed, called something else, and made one."""

from typing import Any

import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.export_memories import export_lines, open_export
from flowtrace_mcp.services.history import history
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.project_register import (
    list_known_projects,
    merge_projects,
    rename_project,
)
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.undo import undo
from tests.storage.span_builder import span

HOUR_WINDOW_US = (0, 2**52)
WAIT_S = 8.0


def note(context: Context, caller: Caller, content: str, **more: Any) -> str:
    return remember(context, RememberRequest(content=content, **more), caller).id


def texts(context: Context, caller: Caller, query: str) -> list[str]:
    return [row.text for row in recall(context, RecallRequest(query=query), caller).memories]


def test_a_merge_moves_memories_and_whoever_comes_from_the_old_one(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    handle = note(context, stranger, "the wiki is notion")
    note(context, caller, "the wiki has a search")

    merge = merge_projects(context, "other", "shop", dry_run=False)

    assert merge.is_done
    assert merge.moved.memory_count == 1
    for who in (caller, stranger):
        assert sorted(texts(context, who, "wiki")) == [
            "the wiki has a search",
            "the wiki is notion",
        ]
    assert place_of(context, stranger) == place_of(context, stranger)
    assert history(context, handle, caller)[0].memory.content == "the wiki is notion"
    assert named_project(context, "other").identity == caller.project.identity
    assert [one.project.name for one in list_known_projects(context)] == ["shop"]
    assert list_known_projects(context)[0].also == (stranger.project.identity,)


def test_a_dry_run_counts_and_moves_nothing(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, stranger, "the wiki is notion")
    note(context, caller, "unrelated")

    merge = merge_projects(context, "other", "shop", dry_run=True)

    assert (merge.is_done, merge.moved.memory_count) == (False, 1)
    assert texts(context, caller, "wiki") == []
    assert texts(context, stranger, "wiki") == ["the wiki is notion"]


def test_sessions_spans_and_hours_move_along(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    store = context.store
    source, target = place_of(context, stranger).project_id, place_of(context, caller).project_id
    store.spans.bind_session("s-a", source)
    store.spans.bind_session("s-b", target)
    spans = [span(1, session="s-a"), span(2, session="s-a"), span(3, session="s-b")]
    store.spans.insert_spans(spans).result(WAIT_S)

    moved = merge_projects(context, "other", "shop", dry_run=False).moved

    assert (moved.session_count, moved.span_count) == (1, 2)
    assert store.spans.list_project_hours(source, HOUR_WINDOW_US, 10) == []
    (hour,) = store.spans.list_project_hours(target, HOUR_WINDOW_US, 10)
    assert (hour.measures.span_count, hour.durations.count) == (3, 3)
    assert len(store.spans.list_edges(HOUR_WINDOW_US, 10, project_id=target)) == 3
    store.spans.insert_spans([span(4, session="s-a")]).result(WAIT_S)
    assert len(store.spans.list_edges(HOUR_WINDOW_US, 10, project_id=target)) == 4
    assert store.check() == []


def test_a_project_that_became_part_of_another_leaves_with_all_of_it(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, stranger, "the wiki is notion")
    note(context, caller, "the wiki has a search")
    merge_projects(context, "other", "shop", dry_run=False)

    lines = list(export_lines(open_export(context, stranger.project)))

    assert any(b"the wiki is notion" in line for line in lines)


def test_a_topic_of_both_is_replaced_in_both_by_the_next_memory(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, stranger, "port 5432", topic="port")
    note(context, caller, "door 5433", topic="port")
    merge_projects(context, "other", "shop", dry_run=False)

    note(context, caller, "the gate is 5434", topic="port")

    wanted = MemoryFilter(place=place_of(context, caller), now_us=context.now_us())
    in_force = context.store.memories.list_recent(wanted, 10)
    assert [memory.content for _, memory in in_force] == ["the gate is 5434"]
    undo(context, caller)
    wanted = MemoryFilter(place=place_of(context, caller), now_us=context.now_us())
    in_force = context.store.memories.list_recent(wanted, 10)
    assert sorted(one.content for _, one in in_force) == ["door 5433", "port 5432"]


def test_changes_of_both_can_be_undone_after_a_merge(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, caller, "of the shop")
    note(context, stranger, "of the other")
    merge_projects(context, "other", "shop", dry_run=False)

    undone = [undo(context, caller).memories[0].content for _ in range(2)]

    assert undone == ["of the other", "of the shop"]


def test_a_merged_project_can_be_merged_on(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    third = Caller(project=ProjectIdentity(identity="name:third", name="third"))
    for who in (caller, stranger, third):
        note(context, who, f"the wiki of {who.project.name}")

    merge_projects(context, "other", "shop", dry_run=False)
    merge_projects(context, "shop", "third", dry_run=False)

    assert len(texts(context, stranger, "wiki")) == 3
    assert place_of(context, stranger).project_id == place_of(context, third).project_id


def test_a_project_is_found_by_its_number_identity_and_name(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, caller, "one")
    note(context, stranger, "two")

    for told in ("2", " other ", stranger.project.identity):
        assert merge_projects(context, told, "1", dry_run=True).source.name == "other"


def test_what_is_no_project_or_several_is_refused(context: Context, caller: Caller) -> None:
    with pytest.raises(NotFoundError, match="knows no project"):
        merge_projects(context, "shop", "other", dry_run=True)
    note(context, caller, "one")
    twin = Caller(project=ProjectIdentity(identity="git:example.com/fork/shop", name="shop"))
    note(context, twin, "two")

    with pytest.raises(NotFoundError, match="known ones are shop"):
        merge_projects(context, "1", "nowhere", dry_run=True)
    with pytest.raises(InputError, match=r"2 git:example\.com/fork/shop"):
        merge_projects(context, "shop", "1", dry_run=True)
    with pytest.raises(InputError, match="same project"):
        merge_projects(context, "1", caller.project.identity, dry_run=True)


def test_a_project_is_found_by_its_new_name_and_by_the_old(
    context: Context, caller: Caller
) -> None:
    note(context, caller, "the wiki is notion")

    renamed = rename_project(context, "shop", " store ")

    assert (renamed.name, renamed.identity) == ("store", caller.project.identity)
    named = Caller(project=ProjectIdentity(identity="name:store", name="store"))
    for who in (caller, named):
        assert texts(context, who, "wiki") == ["the wiki is notion"]
    assert named_project(context, "store").identity == caller.project.identity


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "other"])
def test_a_name_that_cannot_be_is_refused(
    context: Context, caller: Caller, stranger: Caller, name: str
) -> None:
    note(context, caller, "one")
    note(context, stranger, "two")

    with pytest.raises(InputError):
        rename_project(context, "shop", name)
