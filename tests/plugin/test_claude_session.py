"""The plugin in the real Claude Code: what one session remembers and does, the next one knows."""

import json
import shutil
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
TRIES = 200
BARE_PATH = "/usr/bin:/bin"

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


def looking_at(*session_ids: str) -> Script:
    """Return a script that opens the command of each session: from list to tree to span.

    The last events of a session wait until the next one's server takes them up.
    """
    first_id, *waiting = session_ids
    asked: list[Mapping[str, Any]] = [{"session": first_id}]

    def next_step(results: list[str]) -> Step | None:
        if results:
            found = find_next(results[-1], asked[-1])
            if found is None and "span_id" in asked[-1]:
                if not waiting:
                    return None
                found = {"session": waiting.pop(0)}
            asked.append(found or asked[-1])
        return None if len(asked) > TRIES else (TOOL("traces"), asked[-1])

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


def opened_spans(session: Session) -> list[dict[str, Any]]:
    """Return the parts of each span that a session opened: arguments, result, attributes."""
    answers = [str(result["content"]) for result in session.tool_results()]
    shown = [json.loads(answer) for answer in answers if answer.startswith("{")]
    return [
        {row["part"]: json.loads(row["text"]) for row in one["rows"] if "part" in row}
        for one in shown
        if one["view"] == "span"
    ]


@pytest.mark.promise("plugin-traces")
def test_the_next_session_sees_what_the_first_one_ran(second: Session) -> None:
    (span,) = opened_spans(second)

    assert span["arguments"]["command"] == "echo a-word-from-the-shell"
    assert span["result"]["stdout"] == "a-word-from-the-shell"


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
        sessions = list(pool.map(run, words))
    ids = [session.session_id for session in sessions]
    looked = claude.session("Look", looking_at(*ids), TOOL("*"))

    assert [span["result"]["stdout"] for span in opened_spans(looked)] == list(words)


@pytest.mark.skipif(
    not all(shutil.which(name, path=BARE_PATH) for name in ("python3", "git")),
    reason="the system has no python3 or git of its own",
)
def test_who_has_the_plugin_alone_is_told_what_is_missing(tmp_path: Path) -> None:
    claude = installed(tmp_path, path=BARE_PATH)

    session = claude.session(
        "Hello", one_after_another(("Bash", {"command": "echo a", "description": "a"})), "Bash"
    )

    told = json.dumps(session.stand_in.turns)
    assert "uv tool install flowtrace-mcp" in told
