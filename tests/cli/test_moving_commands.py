"""`flowtrace export` and `flowtrace import`, typed."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Type

DATA = Path(__file__).parents[1] / "data" / "importers"


@pytest.fixture
def filled(typed: Type) -> Type:
    for text in ("Staging runs Postgres 16", "We deploy on Tuesdays"):
        assert typed("remember", text).code == 0
    return typed


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_export_goes_to_stdout_as_lines_and_the_count_to_stderr(filled: Type) -> None:
    done = filled("export")

    assert done.code == 0
    assert [line["type"] for line in lines(done.out)] == [
        *("flowtrace-export", "project", "memory", "memory")
    ]
    assert done.err == "2 memories exported\n"


@pytest.mark.parametrize("form", ["jsonl", "markdown"])
@pytest.mark.promise("export-import")
def test_what_was_exported_is_known_when_it_is_imported(
    filled: Type, tmp_path: Path, form: str
) -> None:
    path = str(tmp_path / "out")

    out = filled("export", "--all", "--format", form, "--to", path)
    back = filled("import", path)

    assert out.out == f"2 memories exported\n  flowtrace import {path}\n"
    assert (back.code, back.out) == (0, "flowtrace: 0 new, 2 known already\n")


@pytest.mark.promise("json")
def test_both_answer_with_one_object(filled: Type, tmp_path: Path) -> None:
    path = str(tmp_path / "out.jsonl")

    assert filled("export", "--to", path, "--json").body == {
        "memories": 2,
        "format": "jsonl",
        "to": path,
    }
    assert filled("import", path, "--json").body == {
        "from": "flowtrace",
        "dry_run": False,
        "new": 0,
        "updated": 0,
        "known": 2,
        "links": 0,
        "loose_links": 0,
        "redactions": 0,
        "refused": 0,
        "problems": [],
    }


@pytest.mark.parametrize("words", [("--format", "markdown"), ("--json",)])
def test_an_export_without_a_place_for_it_is_refused(filled: Type, words: tuple[str, ...]) -> None:
    done = filled("export", *words)

    assert done.code == 2
    assert "--to" in done.out + done.err


def test_notes_are_imported_and_a_dry_run_stores_nothing(typed: Type) -> None:
    dry = typed("import", str(DATA / "CLAUDE.md"), "--dry-run")
    done = typed("import", str(DATA / "CLAUDE.md"))

    assert dry.out == "notes: 6 new; nothing was stored\n"
    assert done.out == "notes: 6 new\n"
    assert "No mocks" in typed("recall", "do we use mocks").out


def test_lines_that_were_not_taken_are_told_and_change_the_exit_code(
    typed: Type, tmp_path: Path
) -> None:
    path = tmp_path / "graph.jsonl"
    path.write_text('{"type":"entity","name":"a"}\nbad\n', "utf-8")

    done = typed("import", str(path))

    assert (done.code, done.out) == (2, "server-memory: 1 new\n")
    assert done.err.startswith("not taken: graph.jsonl:2: ")


def test_everything_may_be_taken_into_one_project(filled: Type, tmp_path: Path) -> None:
    filled("export", "--to", str(tmp_path / "x"))
    moved = str(tmp_path / "moved.db")

    filled("--db-path", moved, "import", str(tmp_path / "x"), "--project", "elsewhere")
    found = filled("--db-path", moved, "export", "--project", "elsewhere")

    assert [line.get("project") for line in lines(found.out)[2:]] == ["name:elsewhere"] * 2


def test_a_project_that_is_not_known_is_not_exported(filled: Type) -> None:
    assert filled("export", "--project", "nobody").code == 4


def test_progress_is_said_when_it_is_asked_for(filled: Type, tmp_path: Path) -> None:
    out = filled("export", "--to", str(tmp_path / "x"), "--progress")
    back = filled("import", str(tmp_path / "x"), "--progress")

    assert out.err == "exporting: 50%\nexporting: 100%\n"
    assert back.err == "importing: 100%\n"
