"""Log records and metric points as bytes: one form to keep, to compare and to read back.

MessagePack with sorted keys: equal records give equal bytes, and bytes stay bytes.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import DamagedError
from flowtrace_mcp.ingest.span_extras import (
    decode_resource,
    decode_scope,
    encode_resource,
    encode_scope,
)
from flowtrace_mcp.model.telemetry import Resource, Scope

_ENCODER: Final = msgspec.msgpack.Encoder(order="deterministic")


class Origins:
    """The resources and scopes of one request, each encoded once.

    Objects are told apart by identity, so the request's records must outlive this.
    """

    def __init__(self) -> None:
        self._resources: dict[int, bytes] = {}
        self._scopes: dict[int, bytes] = {}

    def resource(self, resource: Resource) -> bytes:
        """Return a resource's bytes; equal resources give equal bytes."""
        known = self._resources.get(id(resource))
        if known is None:
            known = self._resources[id(resource)] = encode_resource(resource)
        return known

    def scope(self, scope: Scope) -> bytes:
        """Return a scope's bytes; equal scopes give equal bytes."""
        known = self._scopes.get(id(scope))
        if known is None:
            known = self._scopes[id(scope)] = encode_scope(scope)
        return known


def pack(values: object) -> bytes:
    """Return values as canonical MessagePack."""
    return _ENCODER.encode(values)


def digest(data: bytes) -> int:
    """Return the signed 64-bit number by which a record sent twice is recognised."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big", signed=True)


def unpack(data: bytes, noun: str) -> tuple[Resource, Scope, Mapping[str, Any]]:
    """Return the resource, the scope and the fields that ``pack`` was given in this order.

    Raises:
        DamagedError: The bytes are none of ours.
    """
    try:
        resource, scope, fields = msgspec.msgpack.decode(
            data, type=tuple[bytes, bytes, dict[str, Any]]
        )
    except msgspec.DecodeError as error:
        raise DamagedError(
            f"cannot read a kept {noun} of {len(data)} bytes",
            why="they are not what was written",
            mend="run `flowtrace doctor` on the file",
        ) from error
    return decode_resource(resource), decode_scope(scope), fields
