"""A file that is sent to us: streamed to the disk as it comes, never held in memory."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from flowtrace_mcp.errors import FlowtraceError, InputError, TooLargeError
from flowtrace_mcp.rest.answers import (
    UnsupportedBodyError,
    error_response,
    failure_response,
    json_response,
    to_json,
)
from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.services.backups import making_folder
from flowtrace_mcp.services.context import Context

UPLOAD_LIMIT_BYTES: Final = 64 * 1024**3
PARTS_MOST: Final = 8
_MULTIPART: Final = "multipart/form-data"
_WHOLE: Final = ("application/zip", "application/octet-stream")

UploadWork = Callable[[Context, Path], object]


def upload_route(
    endpoints: Endpoints, declared: Declaration, field_name: str, work: UploadWork
) -> DeclaredRoute:
    """Return a route that takes a file and answers what ``work`` makes of it, as JSON.

    Args:
        endpoints: Whose threads and context answer.
        declared: The path as callers know it.
        field_name: Of the form that holds the file; the body may also be the file itself.
        work: Raises FlowtraceError when it does not take the file.
    """

    async def endpoint(request: Request) -> Response:
        """Take the file, then answer."""
        loop = asyncio.get_running_loop()
        try:
            with making_folder(endpoints.open_context()) as folder:
                path = folder / "upload.zip"
                with path.open("xb") as file:
                    sink = _sink_of(request, field_name, file)
                    async for chunk in request.stream():
                        await loop.run_in_executor(endpoints.workers, sink, chunk)
                _refuse_none(path, field_name)
                body = await loop.run_in_executor(
                    endpoints.workers, lambda: to_json(work(endpoints.open_context(), path))
                )
                return json_response(body, declared.status)
        except FlowtraceError as error:
            return error_response(error)
        except MultipartParseError as error:
            return error_response(InputError("cannot read the form", why=str(error)[:200]))
        except ClientDisconnect:
            raise
        except Exception:  # noqa: BLE001 - the edge of a request; it is logged
            return failure_response(request)

    return DeclaredRoute(declared, endpoint)


def _sink_of(request: Request, field_name: str, file: IO[bytes]) -> Callable[[bytes], object]:
    """Return what takes the pieces of the body and writes the file that is in it."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    writing = _Writing(file=file)
    if kind.decode("latin-1") in _WHOLE:
        return writing.write
    boundary = options.get(b"boundary", b"")
    if kind.decode("latin-1") != _MULTIPART or not boundary:
        raise UnsupportedBodyError(
            f"cannot read a body of type {kind.decode('latin-1')[:80]!r}",
            why=f"a file is sent as {_MULTIPART} or as it is",
            mend=f"send it as the field {field_name!r} of a form",
        )
    form = _Form(wanted=field_name.encode(), writing=writing)
    callbacks: Any = {
        "on_part_begin": form.begin,
        "on_header_field": form.header_name,
        "on_header_value": form.header_value,
        "on_header_end": form.header_end,
        "on_headers_finished": form.headers_end,
        "on_part_data": form.data,
    }
    return MultipartParser(boundary, callbacks).write


@dataclass(slots=True, kw_only=True)
class _Writing:
    """Writes to a file, up to the limit."""

    file: IO[bytes]
    size_bytes: int = 0

    def write(self, data: bytes) -> None:
        """Write more of the file."""
        self.size_bytes += len(data)
        if self.size_bytes > UPLOAD_LIMIT_BYTES:
            raise TooLargeError(
                "the file is too large", why=f"at most {UPLOAD_LIMIT_BYTES} bytes are taken"
            )
        self.file.write(data)


@dataclass(slots=True, kw_only=True)
class _Form:
    """Finds the one field in a form; what else is in it is passed over."""

    wanted: bytes
    writing: _Writing
    part_count: int = 0
    is_wanted: bool = False
    name: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    disposition: bytes = b""

    def begin(self) -> None:
        """Begin a part."""
        self.part_count += 1
        self.is_wanted, self.disposition = False, b""
        if self.part_count > PARTS_MOST:
            raise InputError("the form has too many parts", why=f"at most {PARTS_MOST} are read")

    def header_name(self, data: bytes, start: int, end: int) -> None:
        """Take more of a header's name."""
        self.name += data[start:end]  # the parser bounds it

    def header_value(self, data: bytes, start: int, end: int) -> None:
        """Take more of a header's value."""
        self.value += data[start:end]

    def header_end(self) -> None:
        """Take note of a whole header."""
        if bytes(self.name).lower() == b"content-disposition":
            self.disposition = bytes(self.value)
        self.name.clear()
        self.value.clear()

    def headers_end(self) -> None:
        """Tell whether the part is the one that is wanted."""
        _, options = parse_options_header(self.disposition)
        self.is_wanted = options.get(b"name") == self.wanted

    def data(self, data: bytes, start: int, end: int) -> None:
        """Take more of a part."""
        if self.is_wanted:
            self.writing.write(data[start:end])


def _refuse_none(path: Path, field_name: str) -> None:
    if path.stat().st_size == 0:
        raise InputError(
            "there is no file in the form",
            why=f"no field {field_name!r} holds one",
            mend=f"send it as the field {field_name!r}",
        )
