"""The 128-byte edge: one span as a fixed-width record. The layout is ``docs/format/edge.md``."""

import struct
import zlib
from enum import IntEnum, IntFlag
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import DamagedError, InputError

EDGE_SIZE_BYTES: Final = 128
EDGE_SCHEMA_VERSION: Final = 3
NO_PARENT: Final = bytes(16)

_RECORD: Final = struct.Struct("<16s16s7Q3I2f2H4B2H2BHI")  # no hidden padding
_CHECKED: Final = struct.Struct("<16s16s7Q3I2f2H4B2H2BH")  # all but the checksum
_CHECKSUM: Final = struct.Struct("<I")
_CHECKED_BYTES: Final = 124
_U16: Final = struct.Struct("<H")
_PROJECT_OFFSET: Final = 108
_FLAGS_OFFSET: Final = 116
assert _RECORD.size == EDGE_SIZE_BYTES
assert _CHECKED.size == _CHECKED_BYTES

U16_MAX: Final = 2**16 - 1
U32_MAX: Final = 2**32 - 1
U64_MAX: Final = 2**64 - 1


class SpanType(IntEnum):
    """What kind of work a span is; the numbers are stored and never change meaning."""

    ROOT = 0
    PLANNING = 1
    REASONING = 2
    TOOL_CALL = 3
    TOOL_RESPONSE = 4
    SYNTHESIS = 5
    RESPONSE = 6
    ERROR = 7
    RETRIEVAL = 8
    EMBEDDING = 9
    HTTP_CALL = 10
    DATABASE = 11
    FUNCTION = 12
    RERANKING = 13
    PARSING = 14
    GENERATION = 15
    CUSTOM = 255


# How types are called outside: ToolCall for TOOL_CALL.
SPAN_TYPE_NAMES: Final = {one: one.name.title().replace("_", "") for one in SpanType}
SPAN_TYPES: Final = {name: one for one, name in SPAN_TYPE_NAMES.items()}


class SpanStatus(IntEnum):
    """OpenTelemetry status code of a span."""

    UNSET = 0
    OK = 1
    ERROR = 2


class Environment(IntEnum):
    """Where the traced program ran."""

    DEVELOPMENT = 0
    STAGING = 1
    PRODUCTION = 2
    TEST = 3
    CUSTOM = 255


class Sensitivity(IntFlag):
    """What the payload may hold."""

    NONE = 0
    PII = 1
    SECRET = 2
    INTERNAL = 4
    NO_EMBED = 8


# How they are called outside; sensitivities in the order of their bits.
STATUSES: Final = tuple(status.name.lower() for status in SpanStatus)
ENVIRONMENTS: Final = tuple(one.name.lower() for one in Environment)
SENSITIVITIES: Final = tuple(bit.name.lower() for bit in Sensitivity if bit.name)


class EdgeFlag(IntFlag):
    """State of the record itself."""

    NONE = 0
    DELETED = 1
    PAYLOAD = 2
    AGGREGATE = 4  # its usage repeats its descendants' and is not summed
    FOLDED = 8  # noise that a view hides until asked


class Edge(msgspec.Struct, frozen=True):
    """One span. Times are microseconds; ids are raw bytes or unsigned 64-bit numbers.

    The fields stand in the order of the record, and give them by name. A struct of msgspec:
    reading a trace makes one a span, and a frozen dataclass of 24 fields takes 8 us to make; this
    one takes 1.5 by name and 0.1 in order.
    """

    edge_id: bytes  # 16 bytes: low half of the trace id, then the span id
    causal_parent: bytes  # same form; zero = root
    timestamp_us: int  # Unix time of the start
    trace_id_high: int  # upper half of the trace id
    session_id: int = 0
    agent_id: int = 0
    tenant_id: int = 0
    logical_clock: int = 0  # Lamport
    duration_us: int = 0
    input_token_count: int = 0  # includes cache
    output_token_count: int = 0
    token_count: int = 0  # input + output
    confidence: float = 1.0
    sampling_rate: float = 1.0
    project_id: int = 0  # a number of this file; 0 = not yet known
    span_type: int = SpanType.CUSTOM
    status: int = SpanStatus.UNSET
    kind: int = 0  # OpenTelemetry span kind
    environment: int = Environment.DEVELOPMENT
    sensitivity: int = Sensitivity.NONE
    flags: int = EdgeFlag.NONE
    ttl_hours: int = 0  # 0 = kept
    schema_version: int = EDGE_SCHEMA_VERSION
    parent_count: int = 0

    @property
    def trace_id(self) -> bytes:
        """Return the 16 bytes of the trace id."""
        return self.trace_id_high.to_bytes(8, "big") + self.edge_id[:8]

    @property
    def span_id(self) -> bytes:
        """Return the 8 bytes of the span id."""
        return self.edge_id[8:]

    @property
    def parent_span_id(self) -> bytes | None:
        """Return the 8 bytes of the parent's span id, or None for a root."""
        return None if self.causal_parent == NO_PARENT else self.causal_parent[8:]


def pack_edge(edge: Edge) -> bytes:
    """Return the 128 bytes of an edge, checksum included.

    Raises:
        InputError: A field does not fit its place, or the schema version is not this one.
    """
    if edge.schema_version != EDGE_SCHEMA_VERSION:
        raise InputError(
            f"cannot pack an edge of schema version {edge.schema_version}",
            why=f"this program writes version {EDGE_SCHEMA_VERSION}",
            mend="leave schema_version out",
        )
    if len(edge.edge_id) != 16 or len(edge.causal_parent) != 16:
        raise InputError(
            f"cannot pack an edge whose ids are {len(edge.edge_id)} and "
            f"{len(edge.causal_parent)} bytes",
            why="edge ids are 16 bytes",
            mend="give the low half of the trace id, then the span id",
        )
    return pack_fields(
        (
            edge.edge_id,
            edge.causal_parent,
            edge.timestamp_us,
            edge.trace_id_high,
            edge.session_id,
            edge.agent_id,
            edge.tenant_id,
            edge.logical_clock,
            edge.duration_us,
            edge.input_token_count,
            edge.output_token_count,
            edge.token_count,
            edge.confidence,
            edge.sampling_rate,
            edge.project_id,
            edge.span_type,
            edge.status,
            edge.kind,
            edge.environment,
            edge.sensitivity,
            edge.flags,
            edge.ttl_hours,
            edge.schema_version,
            edge.parent_count,
            0,
        )
    )


def pack_fields(fields: tuple[Any, ...]) -> bytes:
    """Return the 128 bytes of an edge given as its fields, in the order of the record.

    Args:
        fields: All but the checksum, ids of 16 bytes; ingest spares itself an ``Edge`` a span.

    Raises:
        InputError: A field does not fit its place.
    """
    try:
        checked = _CHECKED.pack(*fields)
    except (struct.error, OverflowError) as error:
        raise InputError(
            f"cannot pack the edge of span {fields[0][8:].hex()}",
            why=f"a field does not fit its place ({error})",
            mend="clamp counts to 32 bits and times to 64",
        ) from error
    return checked + _CHECKSUM.pack(zlib.crc32(checked))


def unpack_edge(record: bytes) -> Edge:
    """Return the edge that 128 bytes hold.

    Raises:
        DamagedError: Wrong length, wrong checksum or an unknown schema version.
    """
    _check(record)
    values = _RECORD.unpack(record)
    if values[22] != EDGE_SCHEMA_VERSION:
        raise DamagedError(
            f"cannot read an edge of schema version {values[22]}",
            why=f"this program reads version {EDGE_SCHEMA_VERSION}",
            mend="open the file with the version that wrote it",
        )
    return Edge(*values[:-2])


def with_project(record: bytes, project_id: int) -> bytes:
    """Return the same packed edge, bound to another project.

    Raises:
        InputError: The project does not fit 16 bits.
        DamagedError: The record is damaged; a new checksum would hide it.
    """
    _check(record)
    if not 0 <= project_id <= U16_MAX:
        raise InputError(
            f"cannot bind an edge to project {project_id}",
            why=f"a project is a number from 0 to {U16_MAX}",
            mend="remove projects that are no longer used",
        )
    return _with(record, _PROJECT_OFFSET, project_id)


def with_flags(record: bytes, flags: int) -> bytes:
    """Return the same packed edge with other flags, see ``EdgeFlag``.

    Raises:
        DamagedError: The record is damaged; a new checksum would hide it.
    """
    _check(record)
    return _with(record, _FLAGS_OFFSET, flags)


def _with(record: bytes, offset: int, number: int) -> bytes:
    """Return the record with another 16-bit number at an offset, and the checksum for it."""
    head = record[:offset] + _U16.pack(number)
    checked = head + record[offset + _U16.size : _CHECKED_BYTES]
    return checked + _CHECKSUM.pack(zlib.crc32(checked))


def _check(record: bytes) -> None:
    if len(record) != EDGE_SIZE_BYTES:
        raise DamagedError(
            f"a record of {len(record)} bytes is no edge",
            why=f"an edge is {EDGE_SIZE_BYTES} bytes",
            mend="run `flowtrace doctor`",
        )
    if _CHECKSUM.pack(zlib.crc32(record[:_CHECKED_BYTES])) != record[_CHECKED_BYTES:]:
        raise DamagedError(
            f"the edge of span {record[8:16].hex()} is damaged",
            why="its checksum does not match its bytes",
            mend="run `flowtrace doctor` on the file",
        )
