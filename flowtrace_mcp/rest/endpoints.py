"""How a plain function answers an HTTP request: off the event loop, with errors in one shape.

Every question is read, asked and encoded on a worker's thread. The hop there and back costs
about 0.06 ms (``bench/rest_queries.py``), and in return no question, however large its answer,
holds up the receivers that share the loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain
from typing import Final, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from flowtrace_mcp.errors import FlowtraceError, TooLargeError
from flowtrace_mcp.rest.answers import (
    UnsupportedBodyError,
    error_response,
    failure_response,
    json_response,
    to_json,
)
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context

Work: TypeAlias = Callable[[Context, Question], object]
LinesWork: TypeAlias = Callable[[Context, Question], Iterator[bytes]]
_JSON: Final = "application/json"
_LINES: Final = "application/x-ndjson"
_CHUNK_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoints:
    """Makes routes of functions.

    Attributes:
        open_context: Returns the means of the program; raises FlowtraceError.
        workers: Threads that answer.
        limit_bytes: The largest body.
    """

    open_context: Callable[[], Context]
    workers: Executor
    limit_bytes: int

    def get(self, path: str, work: Work, *, error_status: int | None = None) -> Route:
        """Return a route that answers GET with what ``work`` returns, as JSON.

        Args:
            path: As Starlette writes it.
            work: Raises FlowtraceError when it has no answer.
            error_status: Of every error; None = what the table in ``errors.py`` says.
        """
        return Route(path, self._endpoint(work, 200, error_status), methods=["GET"])

    def post(self, path: str, work: Work, status: int = 200) -> Route:
        """Return a route that answers POST with what ``work`` returns, as JSON."""
        return Route(path, self._endpoint(work, status, None), methods=["POST"])

    def lines(self, path: str, work: LinesWork) -> Route:
        """Return a route that answers GET with the lines of ``work``, as they come.

        Args:
            path: As Starlette writes it.
            work: Raises FlowtraceError before the first line when it has no answer.
        """

        def respond(question: Question) -> Response:
            lines = work(self.open_context(), question)
            first = next(lines, b"")
            return StreamingResponse(_chunks(chain([first], lines)), media_type=_LINES)

        return Route(path, self._answering(respond, None), methods=["GET"])

    def _endpoint(
        self, work: Work, status: int, error_status: int | None
    ) -> Callable[[Request], Awaitable[Response]]:
        def respond(question: Question) -> Response:
            return json_response(to_json(work(self.open_context(), question)), status)

        return self._answering(respond, error_status)

    def _answering(
        self, respond: Callable[[Question], Response], error_status: int | None
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                question = await self._question(request)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self.workers, respond, question)
            except FlowtraceError as error:
                return error_response(error, error_status)
            except ClientDisconnect:
                raise
            except Exception:  # noqa: BLE001 - the edge of a request; it is logged
                return failure_response(request)

        return endpoint

    async def _question(self, request: Request) -> Question:
        body = await self._body(request) if request.method == "POST" else b""
        scope = request.scope
        return Question(
            path=scope["path_params"],
            query=dict(request.query_params) if scope["query_string"] else {},
            body=body,
        )

    async def _body(self, request: Request) -> bytes:
        kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
        if kind != _JSON:
            raise UnsupportedBodyError(
                f"cannot read a body of type {kind[:80]!r}",
                why="bodies are JSON",
                mend=f"send the header Content-Type: {_JSON}",
            )
        body = bytearray()
        async for chunk in request.stream():
            if len(body) + len(chunk) > self.limit_bytes:
                raise TooLargeError(
                    "the body is too large",
                    why=f"at most {self.limit_bytes} bytes are read",
                    mend="send it in several parts",
                )
            body += chunk
        return bytes(body)


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines joined to pieces that are worth sending."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= _CHUNK_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
