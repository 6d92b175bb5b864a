"""Take spans in a plain JSON shape, for senders without an OpenTelemetry SDK.

They become an OTLP/JSON request and go the way of every other span, so that an attribute means
the same whichever door it came in by.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES, parse_id
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.times import parse_time_us

SPANS_LIMIT: Final = 10_000
ERRORS_LIMIT: Final = 100  # beyond these, refused spans are only counted
DEPTH_LIMIT: Final = 50
_SERVICE: Final = "service.name"
_STATUSES: Final = {"unset": 0, "ok": 1, "error": 2}
_NO_SPAN: Final = frozenset(("", 0, "0"))


class PlainSpan(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A span as senders write it: ids as hex, 0x-hex or decimal, times in microseconds."""

    trace_id: str | int
    span_id: str | int
    parent_span_id: str | int = ""
    name: str
    start_time: int | str
    end_time: int | str | None = None
    status: str = "unset"
    status_message: str = ""
    attributes: dict[str, Any] = {}


class SpansBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Spans of one request."""

    spans: list[PlainSpan]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFault:
    """Why one span was refused."""

    index: int  # in the request, from 0
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """What became of a request; accepted spans are on disk."""

    accepted: int
    rejected: int
    errors: Sequence[SpanFault] = field(default_factory=list)


def post_spans(pipeline: Pipeline, body: Mapping[str, Any]) -> Posted:
    """Store the good spans of ``{"spans": [...]}`` and return once they are durable.

    Raises:
        InputError: It is not such a request, or has no span or too many.
        BusyError: The write queue is full or the disk too slow.
        StorageError: The file does not take writes.
    """
    given = _spans_of(body)
    spans: dict[str, list[dict[str, Any]]] = {}  # by service
    faults: list[SpanFault] = []
    for index, one in enumerate(given):
        try:
            span = msgspec.convert(_said(one), PlainSpan)
            service = span.attributes.get(_SERVICE, "")
            spans.setdefault(service if isinstance(service, str) else "", []).append(_otlp(span))
        except InputError as error:
            faults.append(SpanFault(index=index, error=f"{error.what}: {error.why}"))
        except msgspec.ValidationError as error:
            faults.append(SpanFault(index=index, error=str(error)))
    if spans:
        pipeline.traces(_request(spans), PayloadEncoding.JSON)
    return Posted(
        accepted=len(given) - len(faults), rejected=len(faults), errors=faults[:ERRORS_LIMIT]
    )


def _spans_of(body: Mapping[str, Any]) -> list[Any]:
    given = body.get("spans")
    if not isinstance(given, list) or len(body) > 1:
        raise InputError(
            "cannot find the spans",
            why='the body is {"spans": [...]} and nothing else',
            mend="put the spans into a list of that name",
        )
    if not 1 <= len(given) <= SPANS_LIMIT:
        raise InputError(
            f"cannot take {len(given)} spans at once",
            why=f"a request holds 1 to {SPANS_LIMIT}",
            mend="send them in several requests" if given else "send at least one",
        )
    return given


def _said(given: Any) -> Any:
    """Return what is not null: null means the same as leaving out."""
    if not isinstance(given, dict):
        return given
    return {name: value for name, value in given.items() if value is not None}


def _request(spans: Mapping[str, Sequence[Mapping[str, Any]]]) -> bytes:
    resources = [
        {
            "resource": {"attributes": _pairs({_SERVICE: service} if service else {})},
            "scopeSpans": [{"spans": part}],
        }
        for service, part in spans.items()
    ]
    return msgspec.json.encode({"resourceSpans": resources})


def _otlp(span: PlainSpan) -> dict[str, Any]:
    """Return a span as OTLP/JSON, which takes it for sure.

    Raises:
        InputError: An id, a time, the status or an attribute cannot be taken.
    """
    start_us = parse_time_us(span.start_time, name="start_time")
    end_us = start_us
    if span.end_time is not None:
        end_us = parse_time_us(span.end_time, name="end_time")
    if span.status.lower() not in _STATUSES:
        raise InputError(
            f"status {span.status[:40]!r} is not one", why="it is one of " + ", ".join(_STATUSES)
        )
    parent = span.parent_span_id
    return {
        "traceId": _hex(span.trace_id, TRACE_ID_BYTES, "trace_id"),
        "spanId": _hex(span.span_id, SPAN_ID_BYTES, "span_id"),
        "parentSpanId": "" if parent in _NO_SPAN else _hex(parent, SPAN_ID_BYTES, "parent_span_id"),
        "name": span.name,
        "startTimeUnixNano": str(start_us * 1000),
        "endTimeUnixNano": str(end_us * 1000),
        "status": {"code": _STATUSES[span.status.lower()], "message": span.status_message},
        "attributes": _pairs(span.attributes),
    }


def _hex(told: str | int, size_bytes: int, name: str) -> str:
    # A number is a number, also one of 16 digits, which as text would be hex.
    text = f"{told:#x}" if isinstance(told, int) else told
    return parse_id(text, size_bytes, name=name).hex()


def _pairs(attributes: Mapping[str, Any], depth: int = 0) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value, depth)} for key, value in attributes.items()]


def _value(value: Any, depth: int) -> dict[str, Any]:
    """Return an OTLP ``AnyValue``; null has no field at all."""
    if depth > DEPTH_LIMIT:
        raise InputError("an attribute nests too deeply", why=f"at most {DEPTH_LIMIT} levels")
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item, depth + 1) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _pairs(value, depth + 1)}}
    return {} if value is None else _scalar(value)


def _scalar(value: str | bool | float) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, bool):
        return {"boolValue": value}
    if not isinstance(value, int):
        return {"doubleValue": value}
    if not -(2**63) <= value < 2**63:
        raise InputError("an attribute is too large a number", why="64 bits are kept")
    return {"intValue": str(value)}
