"""Taking back the last change, doing it again, and what was held true meanwhile."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtrace_mcp.errors import FlowtraceError, InputError, NotFoundError
from flowtrace_mcp.model.memory import ChangeAction, Memory, MemoryFilter, ScopeName
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember, remember_all
from flowtrace_mcp.services.undo import body_of, undo


def note(context: Context, caller: Caller, content: str, **more: Any) -> str:
    return remember(context, RememberRequest(content=content, **more), caller).id


def held(
    context: Context, caller: Caller, as_of_us: int | None = None, tags: tuple[str, ...] = ()
) -> set[str]:
    wanted = MemoryFilter(
        place=place_of(context, caller), now_us=context.now_us(), as_of_us=as_of_us, tags=tags
    )
    return {memory.content for _, memory in context.store.memories.list_recent(wanted, 1000)}


def stored(context: Context, handle: str) -> Memory:
    memory = context.store.memories.find_memory(handle)
    assert memory is not None
    return memory


def test_what_was_remembered_last_is_taken_back(context: Context, caller: Caller) -> None:
    note(context, caller, "one stays")
    note(context, caller, "two goes")

    undone = undo(context, caller)

    assert held(context, caller) == {"one stays"}
    assert (undone.action, undone.agent, undone.session) == (
        ChangeAction.REMEMBER,
        "claude-code",
        "s-1",
    )
    assert body_of(undone)["memories"] == [
        {"id": undone.memories[0].handle, "text": "two goes", "state": "retired"}
    ]


def test_what_was_superseded_comes_back(context: Context, caller: Caller) -> None:
    note(context, caller, "port 5432", topic="port")
    note(context, caller, "port 5433", topic="port")

    undone = undo(context, caller)

    assert undone.action is ChangeAction.SUPERSEDE
    assert held(context, caller) == {"port 5432"}
    assert note(context, caller, "port 5434", topic="port")
    assert held(context, caller) == {"port 5434"}


def test_what_was_forgotten_comes_back_and_may_go_again(context: Context, caller: Caller) -> None:
    handle = note(context, caller, "the wiki is notion")
    forget(context, ForgetRequest(id=handle, reason="wrong"), caller)

    undo(context, caller)
    assert held(context, caller) == {"the wiki is notion"}

    again = undo(context, caller, redo=True)
    assert again.is_redo
    assert held(context, caller) == set()
    assert stored(context, handle).retraction == "wrong"


def test_the_tags_and_aliases_of_the_same_text_are_taken_off(
    context: Context, caller: Caller
) -> None:
    handle = note(context, caller, "use tabs", tags=["style"], aliases=["indentation"])
    note(context, caller, "use tabs", tags=["lint"], aliases=["layout"])

    assert undo(context, caller).action is ChangeAction.SAME

    memory = stored(context, handle)
    assert (memory.tags, memory.aliases, memory.seen_count) == (("style",), ("indentation",), 1)
    assert recall(context, RecallRequest(query="indentation"), caller).memories
    assert not recall(context, RecallRequest(query="layout"), caller).memories

    undo(context, caller, redo=True)
    memory = stored(context, handle)
    assert (memory.tags, memory.seen_count) == (("style", "lint"), 2)
    assert recall(context, RecallRequest(query="layout"), caller).memories


def test_a_call_with_many_memories_is_one_change(context: Context, caller: Caller) -> None:
    requests = [RememberRequest(content=f"fact number {number}") for number in range(5)]
    remember_all(context, requests, caller)

    assert len(undo(context, caller).memories) == 5
    assert held(context, caller) == set()


@pytest.mark.parametrize(
    "later", [{"supersedes": 0}, {"topic": "port"}], ids=["supersedes", "topic"]
)
def test_a_batch_that_supersedes_its_own_memory_is_taken_back_whole(
    context: Context, caller: Caller, later: dict[str, Any]
) -> None:
    first = RememberRequest(content="the port is 5432", topic=later.get("topic", ""))
    second = RememberRequest(content="the port is 6432", **later)
    remember_all(context, [first, second], caller)

    undo(context, caller)
    undone = held(context, caller)
    undo(context, caller, redo=True)

    assert undone == set()
    assert held(context, caller) == {"the port is 6432"}


def test_each_call_takes_back_the_change_before(context: Context, caller: Caller) -> None:
    for text in ("one", "two", "three"):
        note(context, caller, text)

    seen = []
    for _ in range(3):
        undo(context, caller)
        seen.append(held(context, caller))
    for _ in range(3):
        undo(context, caller, redo=True)
        seen.append(held(context, caller))

    one, two, three = {"one"}, {"one", "two"}, {"one", "two", "three"}
    assert seen == [two, one, set(), one, two, three]


def test_nothing_there_to_undo_is_said(context: Context, caller: Caller) -> None:
    for redo in (False, True):
        with pytest.raises(NotFoundError):
            undo(context, caller, redo=redo)


def test_what_was_undone_is_not_done_again_after_another_change(
    context: Context, caller: Caller
) -> None:
    note(context, caller, "one")
    undo(context, caller)
    note(context, caller, "two")

    with pytest.raises(InputError, match="changed since"):
        undo(context, caller, redo=True)


def test_a_removal_for_good_cannot_be_undone_and_leaves_no_word_in_the_journal(
    context: Context, caller: Caller
) -> None:
    handle = note(context, caller, "notion wiki", tags=["zanzibar"], aliases=["kilimanjaro"])
    note(context, caller, "notion wiki", tags=["serengeti"])
    forget(context, ForgetRequest(id=handle, hard=True), caller)

    with pytest.raises(InputError, match="for good"):
        undo(context, caller)

    context.store.close()
    for path in context.settings.home.glob("flowtrace.db*"):
        for word in (b"notion", b"zanzibar", b"kilimanjaro", b"serengeti"):
            assert word not in path.read_bytes()


def test_another_project_undoes_nothing_of_this_one(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, caller, "one")

    with pytest.raises(NotFoundError):
        undo(context, stranger)
    assert held(context, caller) == {"one"}


def test_a_change_of_which_another_project_left_nothing_is_passed_by(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, caller, "of the repository")
    handle = note(context, caller, "of everybody", scope=ScopeName.GLOBAL)
    forget(context, ForgetRequest(id=handle, hard=True), stranger)

    undone = undo(context, caller)

    assert [memory.content for memory in undone.memories] == ["of the repository"]


def test_a_topic_never_has_two_memories_in_force_by_an_undo(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    everywhere: dict[str, Any] = {"topic": "shell", "scope": ScopeName.GLOBAL}
    handle = note(context, caller, "the shell is bash", **everywhere)
    forget(context, ForgetRequest(id=handle), caller)
    newer = note(context, stranger, "the shell is fish", **everywhere)

    with pytest.raises(InputError, match=newer):
        undo(context, caller)
    assert held(context, stranger) == {"the shell is fish"}


def test_a_topic_never_has_two_memories_in_force_by_a_redo(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    everywhere: dict[str, Any] = {"topic": "shell", "scope": ScopeName.GLOBAL}
    note(context, caller, "the shell is bash", **everywhere)
    undo(context, caller)
    newer = note(context, stranger, "the shell is fish", **everywhere)

    with pytest.raises(InputError, match=newer):
        undo(context, caller, redo=True)
    assert held(context, stranger) == {"the shell is fish"}


_topics = st.sampled_from(["", "", "port", "shell"])
_steps = st.lists(
    st.tuples(
        st.sampled_from(["remember", "remember", "batch", "forget", "undo", "redo"]),
        st.integers(0, 3),
        _topics,
        st.sampled_from(["", "a", "b"]),
    ),
    max_size=14,
)
_numbers = itertools.count()
_texts = ("the port is 5432", "ada likes blue tea", "deploy on mondays", "never shout")


def _do(context: Context, caller: Caller, step: tuple[str, int, str, str]) -> None:
    action, number, topic, tag = step
    text = _texts[number]
    tags = [tag] if tag else []
    wanted = MemoryFilter(place=place_of(context, caller), now_us=context.now_us())
    recent = context.store.memories.list_recent(wanted, 100)
    known = [memory for _, memory in recent if memory.content == text]
    if action == "remember":
        note(context, caller, text, topic=topic, tags=tags)
    elif action == "batch":
        batch = [(text, topic), (_texts[number - 1], topic)]
        remember_all(context, [RememberRequest(content=c, topic=t) for c, t in batch], caller)
    elif action == "forget" and known:
        forget(context, ForgetRequest(id=known[0].handle), caller)
    elif action in ("undo", "redo"):
        undo(context, caller, redo=action == "redo")


@pytest.mark.promise("as-of")
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=_steps)
def test_as_of_shows_what_a_replay_up_to_that_time_shows(
    context: Context, steps: list[tuple[str, int, str, str]]
) -> None:
    name = f"p{next(_numbers)}"  # a project for each example
    caller = Caller(project=ProjectIdentity(identity=f"name:{name}", name=name))
    shown: list[tuple[int, set[str], set[str]]] = []
    for step in steps:
        try:
            _do(context, caller, step)
        except FlowtraceError:
            continue  # nothing to undo, or it says why not
        finally:
            shown.append(
                (context.now_us(), held(context, caller), held(context, caller, None, ("a",)))
            )

    for when_us, all_of_them, tagged in shown:
        assert held(context, caller, when_us) == all_of_them
        assert held(context, caller, when_us, ("a",)) == tagged
