"""Sending OTLP requests over HTTP, told exactly what became of each."""

import gzip
import http.client
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlsplit

from google.protobuf.message import DecodeError
from google.rpc import status_pb2  # type: ignore[import-untyped]  # the package ships no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from flowtrace_mcp.errors import InputError

SEND_LIMIT_S: Final = 30.0
ANSWER_LIMIT_BYTES: Final = 1024 * 1024
MESSAGE_CHARACTERS: Final = 200
# What the OTLP specification lets a sender try again, "Failures" of OTLP/HTTP.
RETRIED: Final = frozenset((429, 502, 503, 504))
PATHS: Final = {"traces": "/v1/traces", "logs": "/v1/logs", "metrics": "/v1/metrics"}
_REJECTED: Final[Mapping[str, tuple[type[Any], str]]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one request.

    Attributes:
        status: Of the answer; 0 = there was none.
        message: What went wrong, in the words of whoever said so.
        rejected_count: Items that the endpoint refused while it took the others.
        retry_after_s: When the endpoint wants to be asked again; None = it does not say.
    """

    status: int
    message: str = ""
    rejected_count: int = 0
    retry_after_s: float | None = None

    @property
    def is_accepted(self) -> bool:
        """Say whether the endpoint has taken it."""
        return 200 <= self.status < 300

    @property
    def may_be_retried(self) -> bool:
        """Say whether the same request may be taken later."""
        return self.status == 0 or self.status in RETRIED


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpEndpoint:
    """Another receiver of OTLP over HTTP.

    Attributes:
        base: Its URL without the path of a signal.
        headers: Sent with every request; may hold secrets.
    """

    base: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def send(self, signal: str, request: bytes) -> Sent:
        """Send one request in protobuf.

        Args:
            signal: traces, logs or metrics.
            request: The bytes.
        """
        headers = {
            **self.headers,
            "Content-Type": "application/x-protobuf",
            "Content-Encoding": "gzip",
        }
        asked = urllib.request.Request(  # noqa: S310 - endpoint_of lets http and https in alone
            self.base + PATHS[signal], gzip.compress(request, 1), headers
        )
        try:
            with _OPENER.open(asked, timeout=SEND_LIMIT_S) as answer:
                return _taken(signal, answer.status, answer.read(ANSWER_LIMIT_BYTES))
        except urllib.error.HTTPError as error:
            with error:
                return _refused(error)
        except urllib.error.URLError as error:
            return Sent(status=0, message=_reason(error.reason))
        except (OSError, http.client.HTTPException) as error:
            return Sent(status=0, message=_reason(error))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A moved endpoint is an error: telemetry goes where it was told to and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none."""


_OPENER: Final = urllib.request.build_opener(_NoRedirects)


def endpoint_of(url: str, headers: Mapping[str, str]) -> OtlpEndpoint:
    """Return the endpoint that a URL names, with or without the path of a signal.

    Raises:
        InputError: It is no URL of OTLP over HTTP.
    """
    text = url.strip().rstrip("/")
    parts = urlsplit(text)
    try:
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_complete = False
    if parts.scheme not in ("http", "https") or not is_complete or parts.query or parts.fragment:
        raise InputError(
            f"cannot forward to {text[:80].rpartition('@')[2]!r}",
            why="an endpoint is the URL of OTLP over HTTP",
            mend="give one like http://127.0.0.1:4318, without the path of a signal",
        )
    if parts.username or parts.password:
        raise InputError(
            "cannot forward to a URL with a password in it",
            why="addresses are shown and logged",
            mend="give --header 'Authorization: Basic ...' instead",
        )
    for path in PATHS.values():
        text = text.removesuffix(path)
    return OtlpEndpoint(base=text, headers=headers)


def _taken(signal: str, status: int, body: bytes) -> Sent:
    shape, name = _REJECTED[signal]
    try:
        partial = shape.FromString(body).partial_success
    except DecodeError:  # it has taken it, in whatever words
        return Sent(status=status)
    return Sent(
        status=status,
        rejected_count=int(getattr(partial, name)),
        message=_short(partial.error_message),
    )


def _refused(error: urllib.error.HTTPError) -> Sent:
    try:
        body = error.read(ANSWER_LIMIT_BYTES)
        message = status_pb2.Status.FromString(body).message
    except (OSError, http.client.HTTPException, DecodeError):
        message = ""
    return Sent(
        status=error.code,
        message=_short(message) or str(error.reason),
        retry_after_s=_seconds(error.headers.get("Retry-After", "")),
    )


def _seconds(told: str) -> float | None:
    """Return how long ``Retry-After`` asks to wait; a date counts from the answer's own."""
    if told.strip().isdigit():
        return float(told)
    try:
        left = parsedate_to_datetime(told)
    except (ValueError, TypeError):
        return None
    return max((left - left.now(left.tzinfo)).total_seconds(), 0.0)


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {SEND_LIMIT_S:.0f} s"
    strerror = getattr(error, "strerror", None)
    return _short(str(strerror or error))


def _short(text: str) -> str:
    return text if len(text) <= MESSAGE_CHARACTERS else text[:MESSAGE_CHARACTERS] + "..."
