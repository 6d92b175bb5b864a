"""Give an agent of your own a memory: start the server, remember, recall, over MCP.

Uses the MCP SDK (``pip install mcp``), which Flowtrace brings along.
"""

import os

import anyio
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

# Your variables, so that FLOWTRACE_HOME and the like count for it too.
SERVER = StdioServerParameters(command="flowtrace-mcp", env=dict(os.environ))


async def main() -> None:
    async with Client(stdio_client(SERVER)) as flowtrace:
        await flowtrace.call_tool(
            "remember",
            {"content": "Staging listens on port 5433: 5432 is taken there", "kind": "gotcha"},
        )
        found = await flowtrace.call_tool("recall", {"query": "port of the staging database"})
        for memory in (found.structured_content or {})["memories"]:
            print(memory["when"], memory["kind"], memory["text"])


anyio.run(main)
