"""The plugin in the real Claude Code: what one session remembers and does, the next one knows."""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.services.unasked import BRIEF_BUDGET_TOKENS
from tests.plugin.conftest import installed
from tests.plugin.messages_api import Script
from tests.plugin.real_claude import RealClaude, Session

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

TOOL = "mcp__plugin_flowtrace_flowtrace__{}".format
MEMORY = "Staging runs Postgres 16 on port 5432; production is not to be touched."
TRIES = 40

Step = tuple[str, Mapping[str, Any]]


def one_after_another(*steps: Step) -> Script:
    return lambda results: steps[len(results)] if len(results) < len(steps) else None


@pytest.fixture(scope="module")
def first(claude: RealClaude) -> Session:
    """Return a session in which something was remembered and a command was run."""
    script = one_after_another(
        (TOOL("remember"), {"content": MEMORY, "kind": "decision", "topic": "staging-db"}),
        ("Bash", {"command": "echo a-word-from-the-shell", "description": "Say a word"}),
    )
    return claude.session(
        "/flowtrace:remember which database staging runs", script, TOOL("*"), "Bash(echo:*)"
    )


@pytest.fixture(scope="module")
def second(claude: RealClaude, first: Session) -> Session:
    """Return a later session, which looks at what the first one did."""
    return claude.session("What did we do?", looking_at(first.session_id), TOOL("*"))


def looking_at(session_id: str) -> Script:
    """Return a script that opens the command's span: from the list to the tree to the span.

    The last events of a session wait until the next one's server takes them up.
    """
    asked: list[Mapping[str, Any]] = [{"session": session_id}]

    def next_step(results: list[str]) -> Step | None:
        if results:
            found = find_next(results[-1], asked[-1])
            asked.append(found or asked[-1])
        is_done = asked[-1].get("span_id") and asked[-1] == asked[-2]
        return None if is_done or len(asked) > TRIES else (TOOL("traces"), asked[-1])

    return next_step


def find_next(result: str, asked: Mapping[str, Any]) -> Mapping[str, Any] | None:
    # Until the session's events are taken up, the answer is an error in words.
    rows = json.loads(result).get("rows", []) if result.startswith("{") else []
    if "trace_id" not in asked:
        return next(({"trace_id": row["trace"]} for row in rows if "trace" in row), None)
    if "span_id" not in asked:
        named = (row for row in rows if "Bash" in json.dumps(row))
        return next(({**asked, "span_id": row["span"]} for row in named), None)
    return None


def test_the_slash_command_is_expanded(first: Session) -> None:
    assert "<command-name>/flowtrace:remember</command-name>" in first.stand_in.first_text()


def test_the_tools_answer_and_no_hook_fails(first: Session, second: Session) -> None:
    assert len(first.tool_results()) == 2
    assert not any(result.get("is_error") for result in first.tool_results())
    for session in (first, second):
        assert session.failed_hooks() == []


def test_a_first_session_is_told_nothing(first: Session) -> None:
    assert "flowtrace-memories" not in first.stand_in.first_text()


@pytest.mark.promise("plugin-remembers")
def test_the_next_session_starts_with_what_was_remembered(second: Session) -> None:
    told = second.stand_in.first_text()
    _, _, brief = told.partition("<flowtrace-memories>")
    brief, _, _ = brief.partition("</flowtrace-memories>")

    assert MEMORY in brief
    assert estimate_tokens(brief) <= BRIEF_BUDGET_TOKENS


@pytest.mark.promise("plugin-traces")
def test_the_next_session_sees_what_the_first_one_ran(second: Session) -> None:
    shown = json.loads(str(second.tool_results()[-1]["content"]))
    parts = {row["part"]: row["text"] for row in shown["rows"] if "part" in row}

    assert json.loads(parts["arguments"])["command"] == "echo a-word-from-the-shell"
    assert json.loads(parts["result"])["stdout"] == "a-word-from-the-shell"


def test_no_memory_is_told_twice(second: Session) -> None:
    marks = "flowtrace-memories>"
    told = "".join(second.stand_in.first_text().split(marks)[1::2])

    assert told.count(MEMORY) == 1


def test_sessions_side_by_side_do_not_mix(claude: RealClaude, first: Session) -> None:
    def run(word: str) -> Session:
        script = one_after_another(("Bash", {"command": f"echo {word}", "description": word}))
        return claude.session(f"Say {word}", script, "Bash(echo:*)")

    words = ("aardvark", "buffalo")
    with ThreadPoolExecutor(len(words)) as pool:
        sessions = dict(zip(words, pool.map(run, words), strict=True))
    for word, session in sessions.items():
        looked = claude.session("Look", looking_at(session.session_id), TOOL("*"))
        told = json.dumps(looked.tool_results())

        assert f"echo {word}" in told
        assert not any(f"echo {other}" in told for other in words if other != word)


def test_who_has_the_plugin_alone_is_told_what_is_missing(tmp_path: Path) -> None:
    claude = installed(tmp_path, path="/usr/bin:/bin")

    session = claude.session(
        "Hello", one_after_another(("Bash", {"command": "echo a", "description": "a"})), "Bash"
    )

    told = json.dumps(session.stand_in.turns)
    assert "uv tool install flowtrace-mcp" in told
