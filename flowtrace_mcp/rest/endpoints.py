"""How a plain function answers an HTTP request: off the event loop, with errors in one shape.

Every question is read, asked and encoded on a worker's thread. The hop there and back costs
about 0.06 ms (``bench/rest_queries.py``), and in return no question, however large its answer,
holds up the receivers that share the loop.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, TypeAlias

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from flowtrace_mcp.errors import FlowtraceError, InputError, TooLargeError
from flowtrace_mcp.rest.answers import (
    UnsupportedBodyError,
    error_response,
    failure_response,
    json_response,
    to_json,
)
from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute, Handler, Parameter
from flowtrace_mcp.rest.key_limits import KEY, within_projects
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.api_keys import ApiKey

Work: TypeAlias = Callable[[Context, Question], object]
LinesWork: TypeAlias = Callable[[Context, Question], Iterator[bytes]]
_JSON: Final = "application/json"
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
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

    def get(
        self, path: str, work: Work, *takes: Parameter, says: str, **more: Any
    ) -> DeclaredRoute:
        """Return a route that answers GET with what ``work`` returns, as JSON.

        Args:
            path: As Starlette writes it.
            work: Raises FlowtraceError when it has no answer.
            takes: Parameters of the query; any other is refused.
            says: What it answers, in one line.
            more: Of ``Declaration``, and of ``route``.
        """
        return self.route("GET", path, work, takes=takes, says=says, **more)

    def post(
        self, path: str, work: Work, *takes: Parameter, says: str, **more: Any
    ) -> DeclaredRoute:
        """Return a route that answers POST with what ``work`` returns; see ``get``."""
        return self.route("POST", path, work, takes=takes, says=says, **more)

    def route(
        self, method: str, path: str, work: Work, *, error_status: int | None = None, **more: Any
    ) -> DeclaredRoute:
        """Return a route that answers a method with what ``work`` returns, as JSON.

        Args:
            method: Of HTTP, in capitals.
            path: As Starlette writes it.
            work: Raises FlowtraceError when it has no answer.
            error_status: Of every error; None = what the table in ``errors.py`` says.
            more: Of ``Declaration``.
        """
        declared = Declaration(method=method, path=path, **more)

        def respond(question: Question) -> Response:
            body = to_json(work(self.open_context(), question))
            return json_response(body, declared.status)

        return DeclaredRoute(declared, self._answering(declared, respond, error_status))

    def lines(
        self,
        path: str,
        work: LinesWork,
        *takes: Parameter,
        says: str,
        media_type: str = _LINES,
    ) -> DeclaredRoute:
        """Return a route that answers GET with the lines of ``work``, as they come.

        Args:
            path: As Starlette writes it.
            work: Raises FlowtraceError before the first line when it has no answer.
            takes: Parameters of the query; any other is refused.
            says: What it answers, in one line.
            media_type: Of the answer; JSON lines unless said.
        """
        declared = Declaration(
            method="GET", path=path, takes=takes, says=says, media_type=media_type
        )

        def respond(question: Question) -> Response:
            lines = work(self.open_context(), question)
            first = next(lines, b"")
            pieces = _chunks(chain([first], lines))
            return StreamingResponse(pieces, headers={"content-type": media_type})

        return self.responding(declared, respond)

    def responding(
        self, declared: Declaration, respond: Callable[[Question], Response]
    ) -> DeclaredRoute:
        """Return a route of which a function makes the whole response, on a worker's thread."""
        return DeclaredRoute(declared, self._answering(declared, respond, None))

    def _answering(
        self,
        declared: Declaration,
        respond: Callable[[Question], Response],
        error_status: int | None,
    ) -> Handler:
        known = frozenset(name for parameter in declared.takes for name in parameter.names)

        def answered(question: Question, key: ApiKey | None) -> Response:
            if key is not None:
                question = within_projects(self.open_context(), declared, question, key)
            return respond(question)

        async def endpoint(request: Request) -> Response:
            try:
                question = await self._question(request)
                question.check_names(known)
                key = request.scope.get(KEY)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self.workers, answered, question, key)
            except FlowtraceError as error:
                return error_response(error, error_status)
            except ClientDisconnect:
                raise
            except Exception:  # noqa: BLE001 - the edge of a request; it is logged
                return failure_response(request)

        return endpoint

    async def _question(self, request: Request) -> Question:
        body = await self._body(request) if request.method in _WITH_BODY else b""
        scope = request.scope
        return Question(
            path=scope["path_params"],
            query=_query_of(request) if scope["query_string"] else {},
            body=body,
            headers=request.headers,
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


def _query_of(request: Request) -> dict[str, str]:
    """Return the parameters; of one given twice nobody knows which is meant."""
    query = dict(request.query_params)
    if len(query) != len(request.query_params.multi_items()):
        raise InputError(
            "a parameter is given more than once",
            why="each has one value",
            mend="give it once; lists are separated by commas where they are taken",
        )
    return query


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines joined to pieces that are worth sending."""
    piece = bytearray()
    for line in lines:
        piece += line
        if len(piece) >= _CHUNK_BYTES:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)
