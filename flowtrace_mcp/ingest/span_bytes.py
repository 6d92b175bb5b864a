"""The bytes of each span of a request as they were sent, found by walking over the rest.

To have protobuf write a parsed span again takes 1.2 us and need not give the same bytes.
"""

from typing import Final

# Tags of fields that hold bytes: resources in a request; scopes in a resource, spans in a scope.
_FIRST, _SECOND = 1 << 3 | 2, 2 << 3 | 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}

_Range = tuple[int, int]


def span_bytes(body: bytes, counts: list[list[int]]) -> list[bytes] | None:
    """Return the bytes of all spans, in order.

    Args:
        body: A request that protobuf has taken.
        counts: How many spans protobuf has found in each scope of each resource.

    Returns:
        None where the request is written in a way that senders do not write it.
    """
    found: list[bytes] = []
    try:
        resources = _values(body, 0, len(body), _FIRST)
        for resource, of_scopes in zip(resources, counts, strict=True):
            scopes = _values(body, *resource, _SECOND)
            for scope, count in zip(scopes, of_scopes, strict=True):
                spans = _values(body, *scope, _SECOND)
                if len(spans) != count:
                    return None
                found += [body[start:end] for start, end in spans]
    except (IndexError, KeyError, ValueError):
        return None
    return found


def varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return the number that stands at a place, and where it ends.

    Raises:
        ValueError: It is longer than a number can be.
        IndexError: The data end too early.
    """
    byte = data[at]
    if byte < 0x80:
        return byte, at + 1
    value = shift = 0
    for place in range(at, at + 10):
        byte = data[place]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place + 1
        shift += 7
    raise ValueError(value)


def _values(data: bytes, at: int, end: int, wanted: int) -> list[_Range]:
    """Return where the values of one field begin and end.

    Raises:
        IndexError: The data end too early.
        KeyError: A field is of a kind that is not walked over.
    """
    found = []
    while at < end:
        tag = data[at]
        size = data[at + 1]
        at += 2
        if tag != wanted:
            at = _after(data, at - 2)
            continue
        if size > 0x7F:
            size, at = varint(data, at - 1)
        found.append((at, at + size))
        at += size
    return found


def _after(data: bytes, at: int) -> int:
    """Return where the field that begins at a place ends."""
    tag, at = varint(data, at)
    kind = tag & 7
    if kind == _VARINT:
        return varint(data, at)[1]
    if kind == _BYTES:
        size, at = varint(data, at)
        return at + size
    return at + _FIXED_BYTES[kind]
