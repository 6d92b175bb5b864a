"""A program without ports, asked through the SDK's in-memory client, in both protocol eras."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp.client.client import Client
from mcp.types import CallToolResult

from flowtrace_mcp.app import Application

Ask = Callable[..., CallToolResult]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "FLOWTRACE_HOME": str(tmp_path / "home"),
        "FLOWTRACE_EMBEDDER": "off",
        "FLOWTRACE_LISTENER": "off",
        "CLAUDE_CODE_SESSION_ID": "s-1",
    }


@pytest.fixture
def program(
    environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Application]:
    repository = tmp_path / "shop"
    subprocess.run(["git", "init", "--quiet", str(repository)], check=True)
    monkeypatch.chdir(repository)
    program = Application(environ)
    yield program
    program.close()


@pytest.fixture(params=["legacy", "auto"])
def era(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def ask(program: Application) -> Ask:
    """Return a function that calls one tool and gives its result."""

    def call(tool: str, *, era: str = "auto", meta: Any = None, **arguments: Any) -> CallToolResult:
        async def with_client() -> CallToolResult:
            async with Client(program.mcp_server(), mode=era) as client:
                return await client.call_tool(tool, arguments, meta=meta)

        return anyio.run(with_client)

    return call


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if part.type == "text")
