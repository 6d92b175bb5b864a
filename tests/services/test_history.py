"""The chain of versions of a fact."""

from dataclasses import replace
from typing import Any

import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.memory import Outcome, ScopeName
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.history import entry_of, history
from flowtrace_mcp.services.remember import Remembered, RememberRequest, remember
from flowtrace_mcp.services.undo import undo


def note(context: Context, caller: Caller, content: str, **more: Any) -> Remembered:
    return remember(context, RememberRequest(content=content, **more), caller)


def test_every_version_is_told_from_any_of_them_oldest_first(
    context: Context, caller: Caller
) -> None:
    first = note(context, caller, "port 5432", topic="port")
    second = note(context, caller, "door 5433", topic="port")
    third = note(context, caller, "the gate is 5434", supersedes=second.id)
    note(context, caller, "unrelated words")

    for handle in (first.id, second.id, third.id):
        chain = history(context, handle, caller)
        assert [entry.memory.handle for entry in chain] == [first.id, second.id, third.id]
    assert [entry.outcome for entry in chain] == [
        Outcome.NEW,
        Outcome.SUPERSEDES,
        Outcome.SUPERSEDES,
    ]
    assert [entry.state for entry in chain] == ["retired", "retired", "in force"]
    assert [(entry.older, entry.newer) for entry in chain] == [
        ((), (second.id,)),
        ((first.id,), (third.id,)),
        ((second.id,), ()),
    ]


def test_a_version_of_a_topic_that_was_forgotten_belongs_to_its_chain(
    context: Context, caller: Caller
) -> None:
    first = note(context, caller, "tabs", topic="style")
    forget(context, ForgetRequest(id=first.id, reason="nobody agreed"), caller)
    second = note(context, caller, "spaces", topic="style")

    chain = [entry_of(entry) for entry in history(context, second.id, caller)]

    assert [entry["id"] for entry in chain] == [first.id, second.id]
    assert (chain[0]["state"], chain[0]["reason"]) == ("retired", "nobody agreed")


def test_the_same_topic_of_another_layer_is_another_fact(context: Context, caller: Caller) -> None:
    repo = note(context, caller, "tabs", topic="style")
    note(context, caller, "spaces", topic="style", scope=ScopeName.GLOBAL)
    note(context, caller, "both", topic="style", scope=ScopeName.SESSION)

    assert [entry.memory.handle for entry in history(context, repo.id, caller)] == [repo.id]


def test_it_is_told_who_said_it_where_and_by_which_span(context: Context, caller: Caller) -> None:
    who = replace(caller, trace_id=b"t" * 16, span_id=b"s" * 8, tool_call_id="toolu_1")
    handle = note(context, who, "tabs", author="ann", tags=["style"], files=["a.py"]).id

    (entry,) = [entry_of(entry) for entry in history(context, handle, caller)]

    assert {name: entry[name] for name in ("author", "agent", "session", "trace", "span")} == {
        "author": "ann",
        "agent": "claude-code",
        "session": "s-1",
        "trace": (b"t" * 16).hex(),
        "span": (b"s" * 8).hex(),
    }
    assert (entry["tool_call"], entry["tags"], entry["files"]) == ("toolu_1", ["style"], ["a.py"])
    assert not {"topic", "valid_to", "retired", "lapses", "changed"} & entry.keys()


def test_a_retirement_that_was_undone_stays_in_the_history(
    context: Context, caller: Caller
) -> None:
    handle = note(context, caller, "tabs").id
    forget(context, ForgetRequest(id=handle, reason="a slip"), caller)
    undo(context, caller)

    (entry,) = history(context, handle, caller)

    assert entry.state == "in force"
    assert [reason for _, _, reason in entry.lapses] == ["a slip"]
    assert "reason" not in entry_of(entry)


def test_secrets_of_older_rows_are_not_shown(context: Context, caller: Caller) -> None:
    handle = note(context, caller, "tabs <private>for my eyes</private>").id

    (entry,) = history(context, handle, caller)

    assert "my eyes" not in entry.memory.content


def test_another_project_sees_no_history(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    handle = note(context, caller, "tabs").id

    with pytest.raises(NotFoundError) as caught:
        history(context, handle, stranger)
    assert caught.value.mend == "copy the id from a recall answer", "near ids are of one's own"


def test_a_typed_id_may_have_blanks_capitals_and_letters_for_digits(
    context: Context, caller: Caller
) -> None:
    handle = note(context, caller, "tabs").id
    typed = handle.upper().replace("0", "O").replace("1", "I")

    for text in (f"  {typed[:5]} {typed[5:]}\n", f"{typed[:4]}-{typed[4:]}"):
        assert history(context, text, caller)[0].memory.handle == handle


def test_an_id_that_is_nearly_one_names_it(context: Context, caller: Caller) -> None:
    handle = note(context, caller, "tabs").id
    last = "z" if handle[-1] != "z" else "y"
    slips = [
        handle[:9],
        handle[:3],
        handle[:4] + handle[5:],
        handle[:-1] + last,
        handle + "z",
        handle[1] + handle[0] + handle[2:],
    ]

    for slip in slips:
        with pytest.raises(InputError, match=f"(?i)did you mean {handle}"):
            history(context, slip, caller)


@pytest.mark.parametrize("typed", ["", "x", "%", "__________", "a" * 5000, "\x00\ud800", "é" * 10])
def test_what_is_no_id_is_refused(context: Context, caller: Caller, typed: str) -> None:
    note(context, caller, "tabs")

    with pytest.raises(InputError, match="10 characters"):
        history(context, typed, caller)
