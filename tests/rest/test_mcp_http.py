"""MCP over HTTP on a real socket, with the SDK's own client."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from flowtrace_mcp.app import Application
from tests.waiting import wait_until


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Application]:
    program = Application(
        {
            "FLOWTRACE_HOME": str(tmp_path),
            "FLOWTRACE_EMBEDDER": "off",
            "FLOWTRACE_REQUIRE_AUTH": "false",
            "FLOWTRACE_PORT": "0",
            "FLOWTRACE_OTLP_HTTP_PORT": "0",
            "FLOWTRACE_OTLP_GRPC_PORT": "0",
        }
    )
    program.warm_up()
    wait_until(lambda: program.listener_facts().otlp_grpc_port is not None)
    yield program
    program.close()


@pytest.mark.parametrize("era", ["legacy", "auto"])
def test_the_tools_are_served_over_http_in_both_eras(program: Application, era: str) -> None:
    url = f"http://127.0.0.1:{program.listener_facts().rest_port}/mcp"

    async def remember_and_recall() -> list[str]:
        async with Client(streamable_http_client(url), mode=era) as client:
            await client.call_tool("remember", {"content": "Said over HTTP"})
            found = await client.call_tool("recall", {"query": "said over http"})
            assert found.structured_content is not None
            return [row["text"] for row in found.structured_content["memories"]]

    assert anyio.run(remember_and_recall) == ["Said over HTTP"]


def test_an_answer_of_the_listener_is_that_of_its_owner(program: Application) -> None:
    facts = program.listener_facts()

    assert facts.is_here
    assert facts.problems == ()
