"""A large OTLP request as several small ones, so that it is never decoded as a whole.

A decoded span takes many times its bytes: a request of 59 MiB took 450 MiB while it was stored, and
4 MiB of empty spans, which pack to 4 KB, took 630 MiB. Requests of the three signals are built
alike: senders hold scopes, scopes hold items, under the same field numbers.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple, TypeAlias

import msgspec
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flowtrace_mcp.errors import TooLargeError
from flowtrace_mcp.ingest import otlp_json_shapes as shapes
from flowtrace_mcp.ingest.admission import unreadable
from flowtrace_mcp.ingest.otlp_protobuf import parse_request
from flowtrace_mcp.ingest.span_bytes import varint
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.text import UNDECODABLE

# A usual request of 512 spans is about 0.5 MB; to look through it costs 3 % of storing it.
WHOLE_LIMITS_BYTES: Final = {
    PayloadEncoding.PROTOBUF: 768 * 1024,
    PayloadEncoding.JSON: 2 * 1024 * 1024,
}
PART_ITEMS: Final = 2048
PART_BYTES: Final = 2 * 1024 * 1024
ITEMS_LIMIT: Final = 200_000
# Of one item, and only a large one is looked into: a small one cannot hold many more.
VALUES_LIMIT: Final = 200_000
LARGE_ITEM_BYTES: Final = 256 * 1024
# 64 MiB of spans with many short attributes have 1.5 million.
JSON_OBJECTS_LIMIT: Final = 2_500_000

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEPTH_LIMIT: Final = 100  # deeper messages are refused by protobuf
_SENDER, _HELD = 1, 2  # field numbers: a sender in a request; scopes in a sender, items in a scope
_FIXED_SIZES: Final = {_FIXED64: 8, _FIXED32: 4}

Body: TypeAlias = bytes | bytearray  # a large one is not copied to become bytes
_Shape: TypeAlias = Any  # a descriptor: protobuf has two kinds of them, and its stubs a third
_REQUESTS: Final[dict[str, type[Message]]] = {
    "trace": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}


class _Item(NamedTuple):
    """One item, and what is said of its sender and its scope."""

    sender: bytes
    scope: bytes
    data: bytes | memoryview


def request_parts(body: Body, encoding: PayloadEncoding, signal: str) -> Iterator[bytes]:
    """Yield requests that together are the request; most often it is the only one.

    Nothing is yielded before all of the body has been looked at.

    Args:
        body: The request.
        encoding: How it is to be read.
        signal: trace, logs or metrics.

    Raises:
        InputError: The body is no such request.
        TooLargeError: It has too many items.
    """
    if len(body) <= WHOLE_LIMITS_BYTES[encoding]:
        yield bytes(body)
        return
    if encoding == PayloadEncoding.JSON:
        yield from _json_parts(body, signal)
        return
    parts = list(_parts(_items(body, signal)))
    if len(parts) == 1:
        yield bytes(body)
        return
    for part in parts:
        parse_request(_REQUESTS[signal], _request_of(part), signal)
    for part in parts:
        yield _request_of(part)


def _parts(items: Iterator[_Item]) -> Iterator[Sequence[_Item]]:
    """Yield the items in groups of a bounded number and size."""
    part: list[_Item] = []
    size_bytes = 0
    for item in items:
        part.append(item)
        size_bytes += len(item.data)
        if len(part) >= PART_ITEMS or size_bytes >= PART_BYTES:
            yield part
            part, size_bytes = [], 0
    if part:
        yield part


def _items(body: Body, signal: str) -> Iterator[_Item]:
    """Yield the items of a request in protobuf."""
    view = memoryview(body)
    count = 0
    request_shape: _Shape = _REQUESTS[signal].DESCRIPTOR
    sender_shape: _Shape = request_shape.fields_by_number[_SENDER].message_type
    scope_shape = sender_shape.fields_by_number[_HELD].message_type
    item_shape = scope_shape.fields_by_number[_HELD].message_type
    try:
        _, senders = _split(view, 0, len(body), _SENDER)
        for _, at, end in senders:
            sender, scopes = _split(view, at, end, _HELD)
            _refuse_dense(memoryview(sender), sender_shape)
            for _, scope_at, scope_end in scopes:
                scope, items = _split(view, scope_at, scope_end, _HELD)
                _refuse_dense(memoryview(scope), scope_shape)
                count += 1 + len(items)
                _refuse_many(count)
                for start, inside, stop in items:
                    _refuse_dense(view[inside:stop], item_shape)
                    yield _Item(sender, scope, view[start:stop])
            count += 1
            _refuse_many(count)
    except (IndexError, ValueError) as error:
        raise unreadable(signal, "protobuf") from error


def _split(
    view: memoryview, at: int, end: int, number: int
) -> tuple[bytes, list[tuple[int, int, int]]]:
    """Return what a message says of itself, and where what it holds begins, begins inside, ends."""
    rest: list[memoryview] = []
    held: list[tuple[int, int, int]] = []
    for found, start, inside, stop in _fields(view, at, end):
        if found == number:
            held.append((start, inside, stop))
        else:
            rest.append(view[start:stop])
        _refuse_many(len(held) + len(rest))
    return b"".join(rest), held


def _refuse_dense(message: memoryview, shape: _Shape) -> None:
    if len(message) > LARGE_ITEM_BYTES:
        _count_messages(message, shape, 0, _DEPTH_LIMIT)


def _count_messages(message: memoryview, shape: _Shape, count: int, depth: int) -> int:
    """Return a count with the messages inside a message added; texts are passed over unread."""
    for number, _, inside, stop in _fields(message, 0, len(message)):
        field = shape.fields_by_number.get(number)
        if field is not None and field.message_type is not None and depth:
            count += 1
            if count > VALUES_LIMIT:
                raise _too_many(VALUES_LIMIT, "values in one item")
            count = _count_messages(message[inside:stop], field.message_type, count, depth - 1)
    return count


def _fields(view: memoryview, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, start, start of the value and end of each field; number 0 = holds no bytes.

    Raises:
        ValueError: These are no fields.
        IndexError: They end too early.
    """
    while at < end:
        start = at
        tag, at = varint(view, at)
        kind = tag & 7
        if kind == _BYTES:
            size, at = varint(view, at)
            stop = at + size
        elif kind == _VARINT:
            stop = varint(view, at)[1]
        elif kind in _FIXED_SIZES:
            stop = at + _FIXED_SIZES[kind]
        else:
            raise ValueError(kind)
        if stop > end:
            raise IndexError(stop)
        yield (tag >> 3 if kind == _BYTES else 0), start, at, stop
        at = stop


def _request_of(items: Sequence[_Item]) -> bytes:
    """Return a request in protobuf that holds some items."""
    senders = []
    for sender, of_sender in groupby(items, key=lambda item: item.sender):
        scopes = []
        for scope, of_scope in groupby(of_sender, key=lambda item: item.scope):
            scopes.append(_message(_HELD, [scope, *(item.data for item in of_scope)]))
        senders.append(_message(_SENDER, [sender, *scopes]))
    return b"".join(senders)


def _message(number: int, parts: Sequence[bytes | memoryview]) -> bytes:
    value = b"".join(parts)
    length, size = bytearray(), len(value)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    length.append(size)
    return bytes([number << 3 | _BYTES]) + length + value


def _refuse_many(count: int) -> None:
    if count > ITEMS_LIMIT:
        raise _too_many(ITEMS_LIMIT, "items")


def _too_many(limit: int, noun: str) -> TooLargeError:
    return TooLargeError(
        f"the request has more than {limit} {noun}",
        why="what a request holds is bounded, not only its bytes",
        mend="send smaller batches",
    )


def _json_parts(body: Body, signal: str) -> Iterator[bytes]:
    """Yield requests in JSON; a body that is none is yielded as it is, to be refused as it is."""
    if body.count(b"{") > JSON_OBJECTS_LIMIT:
        raise _too_many(JSON_OBJECTS_LIMIT, "objects")
    names = _JSON_NAMES[signal]
    try:
        items = list(_json_items(body, names))
    except UNDECODABLE:
        yield bytes(body)
        return
    for part in _parts(iter(items)):
        yield _json_request_of(part, names)


class _JsonNames(NamedTuple):
    """What the levels of a request are called."""

    senders: str
    scopes: str
    items: str


_JSON_NAMES: Final = {
    "trace": _JsonNames("resourceSpans", "scopeSpans", "spans"),
    "logs": _JsonNames("resourceLogs", "scopeLogs", "logRecords"),
    "metrics": _JsonNames("resourceMetrics", "scopeMetrics", "metrics"),
}
# A part is stored before the next is decoded: what would refuse a later one is found before that.
# What is said of a sender and of a scope is of one shape in all three signals.
_SENDER_SAYS: Final = msgspec.json.Decoder(shapes.ResourceSpans)
_SCOPE_SAYS: Final = msgspec.json.Decoder(shapes.ScopeSpans)
_METRIC: Final = msgspec.json.Decoder(shapes.MetricShape)  # the others are refused one by one
_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw] | None)


def _json_items(body: Body, names: _JsonNames) -> Iterator[_Item]:
    count = 0
    for sender_raw in _json_list(_OBJECT.decode(body), names.senders):
        sender = _OBJECT.decode(sender_raw)
        scopes = _json_list(sender, names.scopes)
        said = _json_fields(sender)
        _refuse_dense_json(said)
        _SENDER_SAYS.decode(b"{%b}" % said[:-1])
        for scope_raw in scopes:
            scope = _OBJECT.decode(scope_raw)
            items = _json_list(scope, names.items)
            count += 1 + len(items)
            _refuse_many(count)
            of_scope = _json_fields(scope)
            _refuse_dense_json(of_scope)
            _SCOPE_SAYS.decode(b"{%b}" % of_scope[:-1])
            for item in items:
                data = memoryview(item)
                _refuse_dense_json(data)
                if names.items == "metrics":
                    _METRIC.decode(data)
                yield _Item(said, of_scope, data)
        count += 1
        _refuse_many(count)


def _json_list(holder: dict[str, msgspec.Raw], name: str) -> list[msgspec.Raw]:
    return _LIST.decode(holder.pop(name, msgspec.Raw(b"null"))) or []


def _refuse_dense_json(data: bytes | memoryview) -> None:
    if len(data) > LARGE_ITEM_BYTES and bytes(data).count(b"{") > VALUES_LIMIT:
        raise _too_many(VALUES_LIMIT, "values in one item")


def _json_fields(holder: dict[str, msgspec.Raw]) -> bytes:
    """Return the fields of an object, each with a comma behind it."""
    return b"".join(
        msgspec.json.encode(name) + b":" + bytes(value) + b"," for name, value in holder.items()
    )


def _json_request_of(items: Sequence[_Item], names: _JsonNames) -> bytes:
    senders = []
    for sender, of_sender in groupby(items, key=lambda item: item.sender):
        scopes = []
        for scope, of_scope in groupby(of_sender, key=lambda item: item.scope):
            held = b",".join(item.data for item in of_scope)
            scopes.append(b'{%b"%b":[%b]}' % (scope, names.items.encode(), held))
        held = b",".join(scopes)
        senders.append(b'{%b"%b":[%b]}' % (sender, names.scopes.encode(), held))
    return b'{"%b":[%b]}' % (names.senders.encode(), b",".join(senders))
