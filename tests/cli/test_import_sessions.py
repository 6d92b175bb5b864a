"""`flowtrace import <agent>` as it is typed."""

import json
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
    told = typed("import", "claude-code", "--only", "traces", "--json")

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


@pytest.fixture
def wish(sessions: Path) -> None:
    """Write what a user asks for in one more session, an hour after the others."""
    text = "From now on always run the linter before you commit."
    line = {
        "type": "user",
        "uuid": "9a4c7c3e-2f6e-4c0a-9c37-6f1b8a2f0b11",
        "promptId": "0d2f3a44-7a55-4a5e-8a1c-0d8f3c5f9e21",
        "sessionId": "5b1f4c52-3f0e-4b52-8f0a-5a0f7d5c1a90",
        "timestamp": "2026-11-25T06:10:00.000Z",
        "cwd": "/home/dev/shop",
        "message": {"role": "user", "content": text},
    }
    (sessions / "wish.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")


@pytest.mark.usefixtures("wish")
def test_claude_codes_sessions_give_traces_and_memories(typed: Type) -> None:
    told = typed("import", "claude-code", "--json").body

    assert (told["sessions"], told["memories"]["new"]) == (3, 1)
    assert typed("status", "--json").body["store"]["memory_count"] == 1


@pytest.mark.parametrize(
    ("only", "spans", "memories"), [("traces", True, 0), ("memories", False, 1)]
)
@pytest.mark.usefixtures("wish")
def test_one_of_both_can_be_had_alone(typed: Type, only: str, spans: bool, memories: int) -> None:
    assert typed("import", "claude-code", "--only", only).code == 0

    store = typed("status", "--json").body["store"]
    assert (store["span_count"] > 0, store["memory_count"]) == (spans, memories)


@pytest.mark.usefixtures("wish")
def test_since_holds_for_both(typed: Type) -> None:
    after = typed("import", "claude-code", "--since", "2026-11-25T07:00:00Z", "--json").body
    before = typed("import", "claude-code", "--since", "2026-11-25T06:00:00Z", "--json").body

    assert (after["sessions"], after["memories"]["new"]) == (0, 0)
    assert (before["sessions"], before["memories"]["new"]) == (1, 1)


@pytest.mark.usefixtures("sessions")
def test_what_since_left_out_can_be_had_later(typed: Type) -> None:
    some = typed("import", "claude-code", "--since", "2026-11-25T05:09:18Z", "--json").body
    rest = typed("import", "claude-code", "--json").body

    assert 0 < some["model_calls"] < 7
    assert rest["model_calls"] == 7


@pytest.mark.usefixtures("sessions")
def test_all_of_it_goes_to_the_project_that_is_named(typed: Type) -> None:
    typed("import", "claude-code", "--project", "elsewhere")

    counts = {one["name"]: one for one in typed("project", "list", "--json").body["items"]}
    assert list(counts) == ["elsewhere"]


def test_no_memories_are_taken_from_another_agent(typed: Type) -> None:
    told = typed("import", "codex", "--only", "memories")

    assert told.code == 2
    assert "claude-code alone" in told.err


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


@pytest.mark.parametrize(
    "option", [["--watch"], ["--only", "traces"], ["--since", "2026-01-01"], ["elsewhere"]]
)
def test_what_goes_with_an_agent_is_refused_without_one(
    typed: Type, tmp_path: Path, option: list[str]
) -> None:
    (tmp_path / "NOTES.md").write_text("# a\n", encoding="utf-8")

    told = typed("import", str(tmp_path / "NOTES.md"), *option)

    assert told.code == 2
    assert "goes with an agent" in told.err
