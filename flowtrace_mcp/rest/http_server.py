"""An HTTP server on a socket that is already bound, with an end that takes no time.

uvicorn's protocol without uvicorn's server: that one handles signals, sleeps on shutdown and
looks ten times a second whether it should end.
"""

import asyncio
import json
import logging
import socket
import time
from email.utils import formatdate
from typing import Final, cast

from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from flowtrace_mcp.rest.peers import Address, is_refused, other_user

# Exporters send every 5 to 60 s; a shorter patience closes the connection under their hands.
KEEP_ALIVE_S: Final = 75
DATE_PERIOD_S: Final = 1.0

logging.getLogger("uvicorn.error").addHandler(logging.NullHandler())


class OwnUserProtocol(HttpToolsProtocol):
    """One connection; that of another user of this machine is closed with a 403."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Look once who is there."""
        super().connection_made(transport)
        if self.server is None or self.client is None or self.server[1] is None:
            return
        if is_refused(Address(self.server[0], self.server[1]), Address(*self.client)):
            transport.write(_refusal())
            transport.close()


def _refusal() -> bytes:
    error = other_user()
    body = json.dumps({"error": error.fault, "code": error.code, "mend": error.mend}).encode()
    head = (
        "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\nconnection: close\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class HttpServer:
    """Serves an app on one listening socket, in the loop that starts it.

    Args:
        app: An ASGI app that needs no lifespan.
        listening: A bound socket; it is closed with the server.
    """

    def __init__(self, app: ASGIApp, listening: socket.socket) -> None:
        self._listening = listening
        self._state = ServerState()
        self._config = Config(
            cast("type", app),
            http=OwnUserProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._server: asyncio.Server | None = None
        self._clock: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Return the real port."""
        return int(self._listening.getsockname()[1])

    async def start(self) -> None:
        """Begin to serve."""
        self._config.load()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: OwnUserProtocol(config=self._config, server_state=self._state, app_state={}),
            sock=self._listening,
        )
        self._clock = asyncio.create_task(self._keep_date())

    async def stop(self, patience_s: float) -> None:
        """Take no more, let what is under way end for a moment, then hang up."""
        if self._server is None or self._clock is None:
            self._listening.close()
            return
        self._clock.cancel()
        self._server.close()
        self._listening.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks, timeout=patience_s)
        for connection in list(self._state.connections):
            connection.transport.abort()

    async def _keep_date(self) -> None:
        while True:
            date = formatdate(time.time(), usegmt=True).encode()
            self._state.default_headers = [(b"date", date)]
            await asyncio.sleep(DATE_PERIOD_S)
