"""Reading kept telemetry back: spans from their bytes, resources and scopes from their JSON."""

import base64
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.ingest import otlp_json, otlp_protobuf
from flowtrace_mcp.ingest.otlp_json_values import Undecodable
from flowtrace_mcp.model.telemetry import (
    Attributes,
    AttributeValue,
    PayloadEncoding,
    Resource,
    Scope,
    SpanExtras,
    SpanRecord,
)

# Sorted keys, so that equal resources have equal bytes and one hash.
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_BYTES: Final = "bytesValue"
_MAPPING: Final = "kvlistValue"
_DOUBLE: Final = "doubleValue"


def decode_span(
    raw: bytes, encoding: PayloadEncoding, resource: Resource, scope: Scope
) -> SpanRecord:
    """Return the span whose kept bytes these are, attributes included.

    Raises:
        DamagedError: They are not a span in this encoding.
    """
    try:
        if encoding == PayloadEncoding.JSON:
            return otlp_json.decode_span(raw, resource, scope)
        return otlp_protobuf.decode_span(raw, resource, scope)
    except (DecodeError, *Undecodable) as error:
        raise _damaged("span", len(raw)) from error


def span_extras(raw: bytes, encoding: PayloadEncoding) -> SpanExtras:
    """Return the events, links, trace state and flags of the span whose kept bytes these are.

    Raises:
        DamagedError: They are not a span in this encoding.
    """
    try:
        if encoding == PayloadEncoding.JSON:
            return otlp_json.decode_extras(raw)
        return otlp_protobuf.decode_extras(raw)
    except (DecodeError, *Undecodable) as error:
        raise _damaged("span", len(raw)) from error


def encode_resource(resource: Resource) -> bytes:
    """Return a resource as JSON; equal resources give equal bytes."""
    return _ENCODER.encode([resource.schema_url, _plain_items(resource.attributes)])


def decode_resource(data: bytes) -> Resource:
    """Return the resource that ``encode_resource`` wrote.

    Raises:
        DamagedError: The bytes are not a resource.
    """
    try:
        schema_url, attributes = msgspec.json.decode(data, type=tuple[str, dict[str, Any]])
    except msgspec.DecodeError as error:
        raise _damaged("resource", len(data)) from error
    return Resource(schema_url=schema_url, attributes=_items(attributes))


def encode_scope(scope: Scope) -> bytes:
    """Return an instrumentation scope as JSON; equal scopes give equal bytes."""
    attributes = _plain_items(scope.attributes)
    return _ENCODER.encode([scope.name, scope.version, scope.schema_url, attributes])


def decode_scope(data: bytes) -> Scope:
    """Return the instrumentation scope that ``encode_scope`` wrote.

    Raises:
        DamagedError: The bytes are not a scope.
    """
    try:
        name, version, schema_url, attributes = msgspec.json.decode(
            data, type=tuple[str, str, str, dict[str, Any]]
        )
    except msgspec.DecodeError as error:
        raise _damaged("scope", len(data)) from error
    return Scope(name=name, version=version, schema_url=schema_url, attributes=_items(attributes))


def _plain_items(attributes: Attributes) -> dict[str, Any]:
    return {key: _plain(value) for key, value in attributes.items()}


def _plain(value: AttributeValue) -> Any:
    """Return a value as JSON has it; what JSON lacks is an object with one key."""
    match value:
        case bytes():
            return {_BYTES: base64.b64encode(value).decode()}
        case Mapping():
            return {_MAPPING: _plain_items(value)}
        case Sequence() if not isinstance(value, str):
            return [_plain(item) for item in value]
        case float() if not math.isfinite(value):
            return {_DOUBLE: str(value)}
        case _:
            return value


def _items(plain: dict[str, Any]) -> dict[str, AttributeValue]:
    return {key: _value(value) for key, value in plain.items()}


def _value(plain: Any) -> AttributeValue:
    match plain:
        case {"bytesValue": text}:
            return base64.b64decode(text)
        case {"kvlistValue": items}:
            return _items(items)
        case {"doubleValue": text}:
            return float(text)
        case list():
            return [_value(item) for item in plain]
        case _:
            value: AttributeValue = plain
            return value


def _damaged(noun: str, size_bytes: int) -> DamagedError:
    return DamagedError(
        f"cannot read a kept {noun} of {size_bytes} bytes",
        why="they are not what was written",
        mend="run `flowtrace doctor` on the file",
    )
