"""Two programs on one file, each in its own repository: neither is shown the other's memories."""

import itertools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client

from flowtrace_mcp.app import Application
from tests.tools.conftest import text_of

WORD = "quetzal"  # the one word that must not be seen
Ask = Callable[..., tuple[bool, str]]


@pytest.fixture
def programs(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Application]]:
    opened: dict[str, Application] = {}
    for name in ("shop", "bank"):
        folder = tmp_path / name
        subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
        monkeypatch.chdir(folder)
        opened[name] = Application({**environ, "CLAUDE_PROJECT_DIR": str(folder)})
    yield opened
    for program in opened.values():
        program.close()


@pytest.fixture
def ask(programs: dict[str, Application]) -> Ask:
    """Return a function that calls a tool as one of the two and gives (is error, all it says)."""

    def call(who: str, tool: str, **arguments: Any) -> tuple[bool, str]:
        async def with_client() -> tuple[bool, str]:
            async with Client(programs[who].mcp_server(), mode="auto") as client:
                result = await client.call_tool(tool, arguments)
                return bool(result.is_error), f"{result.structured_content} {text_of(result)}"

        return anyio.run(with_client)

    return call


@pytest.fixture
def handle(programs: dict[str, Application], ask: Ask) -> str:
    """Return the id of a memory of the shop, of which each layer below it has one more."""
    for scope in ("branch", "session", "repo"):
        failed, _ = ask(
            "shop", "remember", content=f"the {WORD} of {scope}", scope=scope, topic="bird"
        )
        assert not failed
    recent = programs["shop"].context().store.memories.list_near_handles(1, ["%"], 1)
    return recent[0]


@pytest.mark.promise("projects-apart")
def test_no_tool_shows_a_memory_of_another_project(ask: Ask, handle: str) -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("recall", {"query": WORD}),
        ("recall", {"query": "the bird", "scope": "global"}),
        ("recall", {"query": "x", "expand": [handle]}),
        ("recall", {"query": f"{WORD} of repo", "as_of": "2026-01-01"}),
        ("forget", {"query": WORD}),
        ("forget", {"id": handle}),
        ("forget", {"id": handle, "hard": True}),
        ("forget", {"id": handle[:8]}),
        ("remember", {"content": "another bird", "topic": "bird"}),
        ("remember", {"content": "yet another", "supersedes": handle}),
        ("remember", {"content": f"the {WORD[:4]} of repo"}),
        ("traces", {"query": WORD}),
        ("status", {}),
    ]

    for tool, arguments in calls:
        _, told = ask("bank", tool, **arguments)
        assert WORD not in told, (tool, arguments)
        assert "did you mean" not in told, (tool, arguments)
    failed, told = ask("shop", "recall", query=WORD)
    assert not failed
    assert told.count(f"the {WORD} of") >= 3, "nothing of it was changed from elsewhere"


def test_a_global_memory_is_for_all(ask: Ask) -> None:
    ask("shop", "remember", content="I write with a fountain pen", scope="global")

    assert "fountain pen" in ask("bank", "recall", query="fountain pen")[1]


def test_the_same_words_in_two_projects_are_two_memories(ask: Ask) -> None:
    told = [
        ask(who, "remember", content="the port is 5432", topic="port")[1]
        for who, _ in itertools.product(("shop", "bank"), range(2))
    ]

    assert ["'outcome': 'new'" in one for one in told] == [True, False, True, False]
