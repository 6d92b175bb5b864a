"""What a caller gets: JSON, and every error in one shape."""

import logging
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from flowtrace_mcp.errors import BusyError, FlowtraceError, InputError, NotFoundError, outside

_JSON: Final = "application/json"
_LOG: Final = logging.getLogger(__name__)


class UnsupportedBodyError(InputError):
    """The body is of a type that this interface does not read."""

    status: Final = 415


def to_json(body: object) -> bytes:
    """Return JSON; dataclasses become objects, bytes base64, NaN and infinities null."""
    return msgspec.json.encode(body)


def json_response(body: bytes, status: int = 200) -> Response:
    """Return a response that carries JSON."""
    return Response(body, status, media_type=_JSON)


def error_response(error: FlowtraceError, status: int | None = None) -> Response:
    """Return an error as ``{"error", "code", "mend"}``.

    Args:
        error: What went wrong.
        status: Of the answer; None = what the table in ``errors.py`` says.
    """
    if status is None:
        status = error.status if isinstance(error, UnsupportedBodyError) else outside(error)[0]
    body = {"error": error.fault, "code": error.code, "mend": error.mend}
    response = json_response(to_json(body), status)
    if isinstance(error, BusyError):
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def failure_response(request: Request) -> Response:
    """Log the exception being handled and return an answer that gives nothing of it away."""
    _LOG.exception("%s %s failed", request.method, request.scope["path"])
    return error_response(FlowtraceError("the request failed", mend="see the log file"))


async def unserved_response(request: Request, error: Exception) -> Response:
    """Return what a path or method that is not served gets; a Starlette exception handler."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return error_response(_unknown_path(request))
    if error.status_code == 405:
        return _with_headers(error_response(_wrong_method(request), 405), error.headers or {})
    refusal = InputError("the request is refused", why=error.detail)
    return _with_headers(error_response(refusal, error.status_code), error.headers or {})


def _unknown_path(request: Request) -> NotFoundError:
    return NotFoundError(
        f"nothing is served at {request.scope['path'][:80]!r}",
        why="the REST interface begins at /api/v1, MCP over HTTP is /mcp",
        mend="see the list of paths in docs/rest.md",
    )


def _wrong_method(request: Request) -> InputError:
    return InputError(
        f"{request.method[:20]} is not served at {request.scope['path'][:80]!r}",
        why="the path takes other methods",
        mend="use one of the methods in the Allow header",
    )


def _with_headers(response: Response, headers: Mapping[str, Any]) -> Response:
    response.headers.update(headers)
    return response
