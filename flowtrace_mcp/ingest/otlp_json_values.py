"""Values of OTLP/JSON to values of ours."""

import math
import re
from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

from flowtrace_mcp.ingest import otlp_json_shapes as shapes
from flowtrace_mcp.ingest.admission import unreadable
from flowtrace_mcp.model.telemetry import AttributeValue, Resource, Scope

# Protobuf's own limit; what nests deeper in JSON could not have been sent in protobuf.
_DEEPEST: Final = 100
_SURROGATE: Final = re.compile(
    rb"\\(?:u(?P<high>[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|u(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_Shape = TypeVar("_Shape")

# What msgspec raises on outside bytes: malformed, of the wrong type, not UTF-8, nested too deep.
Undecodable: Final = (msgspec.DecodeError, ValueError, RecursionError)


def decode_request(decode: Callable[[bytes], _Shape], body: bytes, signal: str) -> _Shape:
    r"""Return the decoded request.

    A half of a surrogate pair, which JavaScript writes when it cuts text inside an emoji, is
    no text in UTF-8. Such a body is read again with the half as the six characters ``\udxxx``.

    Raises:
        InputError: The body is not a request of this signal.
    """
    try:
        return decode(body)
    except Undecodable:
        pass
    try:
        return decode(_SURROGATE.sub(_escape_lone, body))
    except Undecodable as error:
        raise unreadable(signal, "JSON") from error


def _escape_lone(match: re.Match[bytes]) -> bytes:
    return b"\\" + match[0] if match["lone"] else match[0]


def resource_of(resource: shapes.ResourceShape | None, schema_url: str | None) -> Resource:
    """Return what sent the telemetry."""
    attributes = attributes_of(resource.attributes) if resource else {}
    return Resource(attributes=attributes, schema_url=schema_url or "")


def scope_of(scope: shapes.ScopeShape | None, schema_url: str | None) -> Scope:
    """Return the instrumentation scope."""
    if scope is None:
        return Scope(schema_url=schema_url or "")
    return Scope(
        name=scope.name or "",
        version=scope.version or "",
        attributes=attributes_of(scope.attributes),
        schema_url=schema_url or "",
    )


def attributes_of(pairs: shapes.Attributes) -> dict[str, AttributeValue]:
    """Return attributes by key; of a key sent twice the last value stays.

    Raises:
        ValueError: A number is none, or a value nests too deeply.
    """
    attributes: dict[str, AttributeValue] = {}
    for pair in pairs or ():
        value = pair.value
        if value is None:
            attributes[pair.key] = None
        elif value.string_value is not None:
            attributes[pair.key] = value.string_value
        else:
            attributes[pair.key] = value_of(value)
    return attributes


def value_of(value: shapes.AnyValue | None, depth: int = 0) -> AttributeValue:
    """Return one value.

    Raises:
        ValueError: A number is none, or the value nests too deeply.
    """
    if value is None:
        return None
    if value.string_value is not None:
        return value.string_value
    if value.array_value is not None or value.kvlist_value is not None:
        return _container(value, depth + 1)
    return _number_or_bytes(value)


def _number_or_bytes(value: shapes.AnyValue) -> int | float | bytes | None:
    if value.int_value is not None:
        return whole(value.int_value)
    if value.double_value is not None:
        return real(value.double_value)
    if value.bool_value is not None:
        return value.bool_value
    return value.bytes_value


def _container(value: shapes.AnyValue, depth: int) -> AttributeValue:
    if depth > _DEEPEST:
        raise ValueError(f"a value nests deeper than {_DEEPEST}")
    if value.array_value is not None:
        return [value_of(item, depth) for item in value.array_value.values or ()]
    pairs = value.kvlist_value.values if value.kvlist_value else ()
    return {pair.key: value_of(pair.value, depth) for pair in pairs or ()}


def whole(number: shapes.Number) -> int:
    """Return a 64-bit number sent as a number or as text; absent is 0.

    Raises:
        ValueError: It is none.
    """
    if isinstance(number, float) and not math.isfinite(number):
        raise ValueError("a whole number is not finite")
    value = int(number or 0)
    if not -(2**63) <= value < 2**64:
        raise ValueError("a whole number does not fit 64 bits")
    return value


def real(number: shapes.Real) -> float:
    """Return a double sent as a number or as text, "NaN" and "Infinity" among them; absent is 0.

    Raises:
        ValueError: It is none.
    """
    return float(number or 0)


def hex_id(text: str | None) -> bytes:
    """Return the bytes of an id in hex of either case; absent is empty.

    Raises:
        ValueError: It is not hex.
    """
    return bytes.fromhex(text) if text else b""


def named(value: shapes.Enum, names: dict[str, int], limit: int) -> int:
    """Return the number of an enum sent as a number or by its name; 0 for one unknown to us."""
    number = names.get(value, 0) if isinstance(value, str) else value or 0
    return number if 0 <= number <= limit else 0
