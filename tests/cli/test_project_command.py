"""`flowtrace project`, as a person and as a program read it."""

import pytest

from tests.cli.conftest import Type


@pytest.fixture
def two(typed: Type, environ: dict[str, str]) -> None:
    for name in ("old", "new"):
        environ["FLOWTRACE_PROJECT"] = name
        typed("remember", f"the wiki of {name}")


def test_projects_are_listed_with_what_they_hold(typed: Type, two: None) -> None:
    told = typed("project")
    items = typed("project", "list", "--json").body["items"]

    assert "name:old" in told.out
    assert [(one["name"], one["memories"]) for one in items] == [("old", 1), ("new", 1)]


def test_a_merge_says_first_what_it_would_move(typed: Type, two: None) -> None:
    told = typed("project", "merge", "old", "new")
    assert told.code == 0
    assert "would move" in told.out
    assert len(typed("project", "--json").body["items"]) == 2

    done = typed("project", "merge", "old", "new", "--yes", "--json").body

    assert done == {
        "from": "name:old",
        "into": "name:new",
        "memories": 1,
        "sessions": 0,
        "spans": 0,
        "done": True,
    }
    (left,) = typed("project", "--json").body["items"]
    assert (left["name"], left["memories"], left["also"]) == ("new", 2, ["name:old"])
    assert "also name:old" in typed("project").out


def test_a_merge_is_told_to_a_person(typed: Type, two: None) -> None:
    assert typed("project", "merge", "old", "new", "--yes").out.startswith("moved from name:old")


def test_a_project_is_called_something_else(
    typed: Type, two: None, environ: dict[str, str]
) -> None:
    assert "is called store now" in typed("project", "rename", "old", "store").out
    assert typed("project", "rename", "new", "newer", "--json").body["name"] == "newer"

    environ["FLOWTRACE_PROJECT"] = "store"
    found = typed("recall", "wiki", "--json").body["memories"]
    assert [one["text"] for one in found] == ["the wiki of old"]


def test_nothing_is_listed_before_the_first_memory(typed: Type) -> None:
    assert "no project yet" in typed("project").out


@pytest.mark.parametrize(
    "words", [("merge", "old"), ("rename", "a", "b", "c"), ("list", "x"), ("burn",)]
)
def test_what_does_not_fit_the_action_is_refused(typed: Type, words: tuple[str, ...]) -> None:
    told = typed("project", *words, "--json")

    assert told.code == 2
    assert told.body["code"] == "bad_input"
