"""`flowtrace import <agent>` as it is typed."""

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Type

DATA = Path(__file__).parents[1] / "data/transcripts/claude-code"


@pytest.fixture
def sessions(tmp_path: Path, environ: dict[str, str]) -> Path:
    folder = tmp_path / "claude"
    shutil.copytree(DATA, folder / "projects")
    environ["CLAUDE_CONFIG_DIR"] = str(folder)
    return folder / "projects"


def test_sessions_are_found_where_the_agent_keeps_them(typed: Type, sessions: Path) -> None:
    told = typed("import", "claude-code", "--json")

    assert told.code == 0
    assert told.body == {
        "agent": "claude-code",
        "dry_run": False,
        "files": 3,
        "sessions": 2,
        "turns": 5,
        "model_calls": 7,
        "tool_calls": 4,
        "copied": 7,
        "refused": 0,
        "problems": [],
    }
    assert "nothing new" in typed("import", "claude-code").out


def test_a_folder_can_be_named_and_looked_at_first(typed: Type, sessions: Path) -> None:
    told = typed("import", "claude-code", str(sessions), "--dry-run")

    assert "2 sessions in 3 files: 5 turns, 7 model calls" in told.out
    assert "nothing was stored" in told.out
    assert typed("status", "--json").body["store"]["span_count"] == 0


def test_a_line_that_is_not_taken_gives_the_code_of_bad_input(typed: Type, sessions: Path) -> None:
    (sessions / "x.jsonl").write_text("{\n", encoding="utf-8")

    told = typed("import", "claude-code")

    assert told.code == 2
    assert "not taken: x.jsonl, byte 0" in told.err


@pytest.mark.parametrize("option", [["--watch"], ["--since", "2026-01-01"], ["elsewhere"]])
def test_what_goes_with_an_agent_is_refused_without_one(
    typed: Type, tmp_path: Path, option: list[str]
) -> None:
    (tmp_path / "NOTES.md").write_text("# a\n", encoding="utf-8")

    told = typed("import", str(tmp_path / "NOTES.md"), *option)

    assert told.code == 2
    assert "goes with an agent" in told.err
