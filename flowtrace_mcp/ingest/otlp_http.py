"""OTLP over HTTP as an ASGI app: protobuf and JSON, three signals, on any path prefix."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from flowtrace_mcp.errors import BusyError, FlowtraceError
from flowtrace_mcp.ingest.charging import CHARGE, Charge
from flowtrace_mcp.ingest.gzip_body import gunzip, too_large
from flowtrace_mcp.ingest.otlp_answers import Signal, export_body, sender_codes, status_body
from flowtrace_mcp.ingest.pipeline import Outcome, Pipeline
from flowtrace_mcp.ingest.request_parts import Body
from flowtrace_mcp.ingest.room import Room, Stay
from flowtrace_mcp.model.telemetry import PayloadEncoding, Rejected
from flowtrace_mcp.settings import Settings

WORKERS: Final = 4  # they mostly wait for the disk together
REQUESTS_LIMIT: Final = 128
# Bodies that may be in memory at once, as sent and unpacked, in multiples of the largest one.
BODIES_LIMIT: Final = 2

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_ENCODINGS: Final = {_PROTOBUF: PayloadEncoding.PROTOBUF, _JSON: PayloadEncoding.JSON}
_MEDIA_TYPES: Final = {encoding: name for name, encoding in _ENCODINGS.items()}
_COMPRESSIONS: Final = frozenset(("", "identity", "gzip", "x-gzip"))
# Unauthenticated, permission denied, unimplemented, invalid argument.
_RPC_CODES: Final = {401: 16, 403: 7, 404: 12, 405: 12, 415: 3, 429: 8}

logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the head of a request says."""

    signal: Signal
    encoding: PayloadEncoding
    is_gzip: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why a head is not that of an export, with its own pair of statuses."""

    http_status: int
    rpc_code: int
    error: FlowtraceError


class OtlpHttp:
    """The ASGI app.

    Args:
        pipeline: Where bodies go.
        limit_bytes: The largest body, before and after decompression.
        workers: Threads that unpack, decode and store, so that the event loop never waits.
    """

    def __init__(self, pipeline: Pipeline, limit_bytes: int, workers: Executor) -> None:
        self._takers: dict[Signal, Callable[[Body, PayloadEncoding], Outcome]] = {
            Signal.TRACES: pipeline.traces,
            Signal.LOGS: pipeline.logs,
            Signal.METRICS: pipeline.metrics,
        }
        self._limit_bytes = limit_bytes
        self._workers = workers
        self._room = Room(REQUESTS_LIMIT, BODIES_LIMIT * limit_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = Headers(scope=scope)
        encoding = _ENCODINGS.get(_media_type(headers), PayloadEncoding.JSON)
        head = _read_head(scope, headers)
        if isinstance(head, _Refusal):
            await _send_status(send, head, encoding)
            return
        try:
            charge = scope.get(CHARGE)  # None: its sender is on this machine
            answer = await self._serve(head, headers, receive, charge)
        except FlowtraceError as error:
            await send_error(send, error, encoding)
        except Exception:  # the edge of the request: the sender gets a Status, the log the cause
            logger.exception("an OTLP request failed")
            unknown = FlowtraceError("the request failed", mend="see the log file")
            await send_error(send, unknown, encoding)
        else:
            if answer is not None:
                await _send(send, 200, answer, encoding)

    async def _serve(
        self, request: _Request, headers: Headers, receive: Receive, charge: Charge
    ) -> bytes | None:
        """Return the body of the answer, or None when nobody waits for it any more."""
        with self._room.enter() as stay:
            self._refuse_large(headers.get("content-length", ""))
            body = await self._read_body(receive, stay)
            if body is None:
                return None
            loop = asyncio.get_running_loop()
            store = partial(self._store, charge=charge)
            return await loop.run_in_executor(self._workers, store, request, body, stay)

    def _refuse_large(self, announced: str) -> None:
        """Refuse a body by its announced length, before it is sent in vain."""
        if announced.isdigit() and int(announced) > self._limit_bytes:
            raise too_large(self._limit_bytes)

    async def _read_body(self, receive: Receive, stay: Stay) -> Body | None:
        """Return the body, or None when the sender hung up before its end."""
        body, more = bytearray(), True  # one block that grows is given back whole; chunks are not
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            chunk: bytes = message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) + len(chunk) > self._limit_bytes:
                raise too_large(self._limit_bytes)
            stay.take(len(chunk))
            if not (body or more):
                return chunk
            body += chunk
        return body

    def _store(self, request: _Request, body: Body, stay: Stay, charge: Charge) -> bytes:
        """Unpack, decode and store on a worker's thread; return the body of the answer."""
        if request.is_gzip:
            with self._room.unpacking:
                body = gunzip(body, self._limit_bytes, stay.take)
        if not body:  # no resources at all, in either encoding
            return export_body(request.signal, Rejected(), request.encoding)
        outcome = self._takers[request.signal](body, request.encoding)
        if charge is not None:
            charge(outcome.accepted_count + outcome.rejected.count)
        return export_body(request.signal, outcome.rejected, request.encoding)


def otlp_http_app(pipeline: Pipeline, settings: Settings) -> ASGIApp:
    """Return the app for the OTLP/HTTP port."""
    workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="flowtrace-otlp")
    return OtlpHttp(pipeline, settings.max_body_bytes, workers)


def invite_browsers(app: ASGIApp, origins: Sequence[str]) -> ASGIApp:
    """Return an app that tells browsers which pages may send to it; none when there are none.

    It stands before whatever asks for a token: a browser asks for leave without one.
    """
    if not origins:
        return app
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=["POST"],
        allow_headers=["*"],
        expose_headers=["Retry-After"],
    )


async def send_error(send: Send, error: FlowtraceError, encoding: PayloadEncoding) -> None:
    """Answer with an error as ``google.rpc.Status``.

    Only what may pass later says when to come back: a sender repeats nothing else.
    """
    status, code = sender_codes(error)
    await _send_status(send, _Refusal(http_status=status, rpc_code=code, error=error), encoding)


async def refuse_as_status(
    send: Send, http_status: int, error: FlowtraceError, headers: Headers
) -> None:
    """Answer with an error under a status of the caller's choice, 401 or 403 say."""
    refusal = _Refusal(http_status=http_status, rpc_code=_RPC_CODES[http_status], error=error)
    encoding = _ENCODINGS.get(_media_type(headers), PayloadEncoding.JSON)
    await _send_status(send, refusal, encoding)


async def _send_status(send: Send, refusal: _Refusal, encoding: PayloadEncoding) -> None:
    error = refusal.error
    more = []
    if isinstance(error, BusyError):
        more.append((b"retry-after", str(error.retry_after_s).encode()))
    if refusal.http_status == 405:
        more.append((b"allow", b"POST"))
    body = status_body(refusal.rpc_code, error, encoding)
    await _send(send, refusal.http_status, body, encoding, more)


async def _send(
    send: Send,
    status: int,
    body: bytes,
    encoding: PayloadEncoding,
    more: list[tuple[bytes, bytes]] | None = None,
) -> None:
    headers = [
        (b"content-type", _MEDIA_TYPES[encoding].encode()),
        (b"content-length", str(len(body)).encode()),
        *(more or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _media_type(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _read_head(scope: Scope, headers: Headers) -> _Request | _Refusal:
    path, method = scope["path"].rstrip("/"), scope["method"]
    media_type = _media_type(headers)
    compression = headers.get("content-encoding", "").strip().lower()
    signal = next((signal for signal in Signal if path.endswith(f"/v1/{signal.value}")), None)
    if signal is None:
        return _refusal(
            404,
            f"nothing is served at {path[:80]!r}",
            why="OTLP goes to /v1/traces, /v1/logs and /v1/metrics",
            mend="give the exporter this server's base address as its endpoint",
        )
    if method != "POST":
        return _refusal(
            405,
            f"{method[:20]} is not served here",
            why="OTLP is sent by POST",
            mend="read on the REST port instead",
        )
    if media_type not in _ENCODINGS:
        return _refusal(
            415,
            f"cannot read a body of type {media_type[:80]!r}",
            why=f"OTLP is {_PROTOBUF} or {_JSON}",
            mend="set the exporter's protocol to http/protobuf or http/json",
        )
    if compression not in _COMPRESSIONS:
        return _refusal(
            415,
            f"cannot unpack a body compressed as {compression[:80]!r}",
            why="gzip and none are understood",
            mend="set the exporter's compression to gzip or none",
        )
    return _Request(
        signal=signal, encoding=_ENCODINGS[media_type], is_gzip=compression.endswith("gzip")
    )


def _refusal(http_status: int, what: str, *, why: str, mend: str) -> _Refusal:
    error = FlowtraceError(what, why=why, mend=mend)
    return _Refusal(http_status=http_status, rpc_code=_RPC_CODES[http_status], error=error)
