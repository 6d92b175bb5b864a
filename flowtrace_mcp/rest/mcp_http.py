"""MCP over HTTP at ``/mcp``: the same server as on stdio, for clients that start no process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

MCP_PATH: Final = "/mcp"
SESSIONS_LIMIT: Final = 256
BODY_LIMIT_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class _Served:
    """The sessions of one event loop."""

    loop: asyncio.AbstractEventLoop
    manager: StreamableHTTPSessionManager
    is_ready: asyncio.Event
    task: "asyncio.Task[None]"  # ends with its loop


class McpOverHttp:
    """An ASGI app that needs no lifespan: it begins with the first request of a loop.

    Host, Origin and token are checked by the gate in front of it.

    Args:
        build_server: Returns an MCP server.
    """

    def __init__(self, build_server: Callable[[], Server[Any]]) -> None:
        self._build_server = build_server
        self._served: _Served | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request of either protocol era."""
        served = self._served_here()
        await served.is_ready.wait()
        await served.manager.handle_request(scope, receive, send)

    def _served_here(self) -> _Served:
        loop = asyncio.get_running_loop()
        if self._served is None or self._served.loop is not loop:
            manager = StreamableHTTPSessionManager(
                self._build_server(),
                json_response=True,
                max_request_body_size=BODY_LIMIT_BYTES,
                max_sessions=SESSIONS_LIMIT,
            )
            is_ready = asyncio.Event()
            self._served = _Served(
                loop=loop,
                manager=manager,
                is_ready=is_ready,
                task=loop.create_task(_keep(manager, is_ready)),
            )
        return self._served


async def _keep(manager: StreamableHTTPSessionManager, is_ready: asyncio.Event) -> None:
    async with manager.run():
        is_ready.set()
        await asyncio.Event().wait()


def mcp_route(build_server: Callable[[], Server[Any]]) -> Route:
    """Return the route of MCP over HTTP."""
    return Route(MCP_PATH, McpOverHttp(build_server))
