"""`flowtrace history` and `flowtrace undo`, as a person and as a program read them."""

from pathlib import Path

from tests.cli.conftest import Type


def test_a_history_is_told_to_a_person_and_as_json(typed: Type) -> None:
    old = typed("remember", "port 5432", "--topic", "port", "--json").body["id"]
    new = typed("remember", "door 5433", "--topic", "port", "--json").body["id"]

    told = typed("history", old)
    body = typed("history", new, "--json").body

    assert told.code == 0
    assert told.out.index("port 5432") < told.out.index("door 5433")
    assert f"superseded by {new}" in told.out
    assert f"supersedes of {old}" in told.out
    assert [item["id"] for item in body["items"]] == [old, new]


def test_what_was_said_often_retired_and_changed_is_told(typed: Type) -> None:
    Path("port.py").write_text("5432")
    handle = typed("remember", "port 5432", "--file", "port.py", "--json").body["id"]
    typed("remember", "port 5432")
    typed("forget", handle, "--reason", "a slip")
    typed("undo")
    Path("port.py").write_text("5433")

    told = typed("history", handle).out

    for words in ("said 2 times", "a slip", "changed since: port.py", "in force"):
        assert words in told


def test_undo_says_what_it_undid_and_redo_does_it_again(typed: Type) -> None:
    typed("remember", "the wiki is notion")

    undone = typed("undo")
    assert undone.code == 0
    assert "the wiki is notion" in undone.out
    assert "retired" in undone.out

    again = typed("undo", "--redo", "--json").body
    assert again["redone"] == "remember"
    assert [one["state"] for one in again["memories"]] == ["in force"]


def test_redo_is_told_to_a_person(typed: Type) -> None:
    typed("remember", "the wiki is notion")
    typed("undo")

    assert typed("undo", "--redo").out.startswith("did again: storing")


def test_undo_with_nothing_to_undo_fails_and_says_so(typed: Type) -> None:
    told = typed("undo", "--json")

    assert told.code == 4
    assert told.body["code"] == "not_found"


def test_an_agents_session_and_span_are_taken_from_its_environment(
    typed: Type, environ: dict[str, str]
) -> None:
    environ["CLAUDE_CODE_SESSION_ID"] = "s-77"
    environ["TRACEPARENT"] = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"
    handle = typed("remember", "the wiki is notion", "--json").body["id"]

    (item,) = typed("history", handle, "--json").body["items"]

    assert (item["session"], item["trace"], item["span"]) == ("s-77", "ab" * 16, "cd" * 8)
