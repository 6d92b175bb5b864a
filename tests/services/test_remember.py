from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.memory import CONTENT_LIMIT_CHARACTERS, Outcome, ScopeName
from flowtrace_mcp.model.redaction import redact
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import (
    BATCH_LIMIT,
    METADATA_LIMIT_BYTES,
    Remembered,
    RememberRequest,
    remember,
    remember_all,
)


def note(context: Context, caller: Caller, content: str, **more: object) -> Remembered:
    return remember(context, RememberRequest(content=content, **more), caller)  # type: ignore[arg-type]  # any field


def found(context: Context, caller: Caller, query: str) -> list[str]:
    return [row.text for row in recall(context, RecallRequest(query=query), caller).memories]


@pytest.mark.promise("word-for-word")
def test_a_memory_is_kept_word_by_word(context: Context, caller: Caller) -> None:
    text = "  We deploy with `make ship`.\n\tNever on Fridays — Überraschung 🎉  "

    told = note(context, caller, text)

    memory = context.store.memories.find_memory(told.id)
    assert memory is not None
    assert memory.content == text
    assert (memory.agent, memory.session) == ("claude-code", "s-1")


@pytest.mark.promise("outcomes")
def test_the_same_text_again_counts_up(context: Context, caller: Caller) -> None:
    first = note(context, caller, "The API speaks gRPC", tags=["api"])
    again = note(context, caller, "The API speaks gRPC", tags=["rpc"])

    assert (again.id, again.outcome) == (first.id, Outcome.SAME)
    memory = context.store.memories.find_memory(first.id)
    assert memory is not None
    assert (memory.seen_count, memory.tags) == (2, ("api", "rpc"))


@pytest.mark.promise("only-told-retires")
def test_a_topic_retires_what_it_said_before(context: Context, caller: Caller) -> None:
    old = note(context, caller, "We test with unittest", topic="test runner")
    new = note(context, caller, "We test with pytest now", topic="test runner")

    assert (new.outcome, new.old_id) == (Outcome.SUPERSEDES, old.id)
    assert new.old_text == "We test with unittest"
    assert found(context, caller, "what do we test with") == ["We test with pytest now"]


def test_known_text_that_gets_a_topic_tells_what_the_topic_said_before(
    context: Context, caller: Caller
) -> None:
    old = note(context, caller, "We test with unittest", topic="test runner")
    loose = note(context, caller, "We test with pytest now")

    new = note(context, caller, "We test with pytest now", topic="test runner")

    assert (new.outcome, new.old_id) == (Outcome.SUPERSEDES, old.id)
    kept = [context.store.memories.find_memory(one.id) for one in (old, loose, new)]
    assert [one is not None and one.retracted_us is None for one in kept] == [False, False, True]


@pytest.mark.promise("only-told-retires")
def test_a_memory_told_to_supersede_another_does(context: Context, caller: Caller) -> None:
    old = note(context, caller, "Staging lives on host alpha")
    new = note(context, caller, "Everything moved to the cluster", supersedes=old.id)

    assert (new.outcome, new.old_id) == (Outcome.SUPERSEDES, old.id)
    assert found(context, caller, "host alpha") == []


@pytest.mark.promise("outcomes")
def test_a_changed_number_conflicts_and_both_stay(context: Context, caller: Caller) -> None:
    note(context, caller, "The request timeout is 30 seconds")
    new = note(context, caller, "The request timeout is 60 seconds")

    assert new.outcome is Outcome.CONFLICTS
    assert new.old_text == "The request timeout is 30 seconds"
    assert len(found(context, caller, "request timeout")) == 2


@pytest.mark.promise("outcomes")
def test_a_fuller_text_refines_and_both_stay(context: Context, caller: Caller) -> None:
    note(context, caller, "Deploy with make deploy")
    new = note(context, caller, "Deploy with make deploy from the main branch")

    assert new.outcome is Outcome.REFINES
    assert len(found(context, caller, "how to deploy")) == 2


@pytest.mark.promise("projects-apart")
def test_another_project_never_meets_it(context: Context, caller: Caller, stranger: Caller) -> None:
    told = note(context, caller, "The database password rotates monthly")

    assert found(context, stranger, "database password") == []
    assert note(context, stranger, "The database password rotates monthly").id != told.id
    with pytest.raises(NotFoundError):
        note(context, stranger, "x", supersedes=told.id)


def test_a_global_memory_is_read_from_every_project(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    note(context, caller, "Ada prefers tabs", scope=ScopeName.GLOBAL)

    assert found(context, stranger, "tabs or spaces") == ["Ada prefers tabs"]


def test_a_branch_memory_is_read_on_its_branch_alone(context: Context, caller: Caller) -> None:
    note(context, caller, "This branch renames the column", scope=ScopeName.BRANCH)
    elsewhere = replace(caller, project=replace(caller.project, branch="other"))

    assert found(context, caller, "column") == ["This branch renames the column"]
    assert found(context, elsewhere, "column") == []


@pytest.mark.promise("secrets-out")
def test_a_secret_never_reaches_the_disk(
    make_context: Callable[..., Context], caller: Caller
) -> None:
    context = make_context()
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"

    told = note(context, caller, f"the key is {secret}", aliases=[f"key {secret}"])

    assert told.redactions == 2
    context.store.close()
    for path in context.settings.home.glob("flowtrace.db*"):
        assert secret.encode() not in path.read_bytes()


def test_an_item_of_a_batch_supersedes_an_earlier_one(context: Context, caller: Caller) -> None:
    told = remember_all(
        context,
        [
            RememberRequest(content="Ship on Monday"),
            RememberRequest(content="The release is on Thursday", supersedes=0),
        ],
        caller,
    )

    assert [one.outcome for one in told] == [Outcome.NEW, Outcome.SUPERSEDES]
    assert told[1].old_id == told[0].id


def test_a_batch_with_a_bad_item_stores_nothing(context: Context, caller: Caller) -> None:
    for bad in (
        RememberRequest(content=" "),
        RememberRequest(content="x", supersedes=1),
        RememberRequest(content="x", supersedes="0000000000"),
        RememberRequest(content="x", supersedes="not an id"),
    ):
        with pytest.raises(InputError):
            remember_all(context, [RememberRequest(content="good one"), bad], caller)

    assert context.store.facts().memory_count == 0


@pytest.mark.parametrize(
    "request_",
    [
        RememberRequest(content=""),
        RememberRequest(content="\n \t"),
        RememberRequest(content="x" * (CONTENT_LIMIT_CHARACTERS + 1)),
        RememberRequest(content="x", tags=["t"] * 101),
        RememberRequest(content="x", files=["f" * 501]),
        RememberRequest(content="x", topic="t" * 501),
        RememberRequest(content="x", valid_from="yesterday"),
        RememberRequest(content="x", valid_from="2026-02-01", valid_to="2026-01-01"),
    ],
)
def test_bad_input_says_how_to_mend_it(
    context: Context, caller: Caller, request_: RememberRequest
) -> None:
    with pytest.raises(InputError) as caught:
        remember(context, request_, caller)

    assert caught.value.mend


def test_too_large_a_batch_is_refused(context: Context, caller: Caller) -> None:
    with pytest.raises(InputError, match="at once"):
        remember_all(context, [RememberRequest(content="x")] * (BATCH_LIMIT + 1), caller)


def test_the_largest_memory_is_stored_whole(context: Context, caller: Caller) -> None:
    text = "word " * (CONTENT_LIMIT_CHARACTERS // 5)

    told = note(context, caller, text)

    memory = context.store.memories.find_memory(told.id)
    assert memory is not None
    assert memory.content == text


@settings(max_examples=40)
@given(text=st.text(min_size=1, max_size=200).filter(lambda text: text.strip()))
def test_any_text_comes_back_as_it_was_but_for_what_cannot_be_stored(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    content = redact(storable(text)).text

    assert "\x00" not in content
    content.encode()


@pytest.mark.promise("secrets-out")
def test_every_field_of_a_memory_is_redacted_and_counted(context: Context, caller: Caller) -> None:
    secret = "AKIA" + "ABCDEFGHIJKLMNOP"
    left = "[redacted:aws-key]"

    told = note(
        context,
        caller,
        f"content {secret}",
        topic=f"topic {secret}",
        author=secret,
        tags=[secret],
        aliases=[secret],
        files=[f"keys/{secret}.pem"],
        metadata={"deep": {"er": [secret]}, "password": "hunter2"},
    )

    memory = context.store.memories.find_memory(told.id)
    assert memory is not None
    assert told.redactions == 8
    assert (memory.content, memory.topic) == (f"content {left}", f"topic {left}")
    assert (memory.author, memory.tags, memory.aliases) == (left, (left,), (left,))
    assert list(memory.files) == [f"keys/{left}.pem"]
    assert memory.metadata == {"deep": {"er": [left]}, "password": "[redacted:password]"}


def test_what_the_user_listed_is_taken_out(
    make_context: Callable[..., Context], caller: Caller
) -> None:
    context = make_context(FLOWTRACE_REDACT='["Blue Heron", "/E-[0-9]{4}/"]')

    told = note(context, caller, "blue heron pays E-1234")

    memory = context.store.memories.find_memory(told.id)
    assert memory is not None
    assert memory.content == "[redacted:listed] pays [redacted:listed]"


def test_metadata_over_its_limit_is_refused_with_its_size(context: Context, caller: Caller) -> None:
    note(context, caller, "fits", metadata={"a": "x" * (METADATA_LIMIT_BYTES - 8)})

    with pytest.raises(InputError, match=f"{METADATA_LIMIT_BYTES + 1} bytes"):
        note(context, caller, "too large", metadata={"a": "x" * (METADATA_LIMIT_BYTES - 7)})
    with pytest.raises(InputError, match="nested"):
        note(context, caller, "too deep", metadata={"a": deep(100)})


def test_metadata_may_hold_what_utf_8_cannot(context: Context, caller: Caller) -> None:
    told = note(context, caller, "odd", metadata={"\ud800": "a\x00b"})

    memory = context.store.memories.find_memory(told.id)
    assert memory is not None
    assert memory.metadata == {"\\ud800": "a\\u0000b"}


def deep(levels: int) -> object:
    value: object = "x"
    for _ in range(levels):
        value = [value]
    return value
