"""Memories on their way out and in: one JSON object a line, with nothing left out.

`docs/moving.md` describes the lines to a stranger. What follows from the rest (handle, hash,
indexes, vectors) and what counts for one file alone (keys, numbers of projects, the journal) is
not in them.
"""

from enum import StrEnum
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import MEMORY_ID_BYTES, SPAN_ID_BYTES, TRACE_ID_BYTES
from flowtrace_mcp.model.memory import MemoryKind, Outcome, ScopeName
from flowtrace_mcp.model.text import UNDECODABLE

FORMAT_VERSION: Final = 1
LINE_LIMIT_BYTES: Final = 8 * 1024 * 1024

# What a column holds; JSON knows no such bound.
Whole: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**62), le=2**62)]
# Value, what is said of it (a file's blob id), since when, until when; None = still.
DatedRow: TypeAlias = tuple[str, str, Whole, Whole | None]
# From, to, why: a time in which it was retired before that was undone.
LapseRow: TypeAlias = tuple[Whole, Whole, str]


class Arrival(StrEnum):
    """What became of a memory that came from elsewhere."""

    NEW = "new"
    KNOWN = "known"  # it is here, with all that was told of it
    UPDATED = "updated"  # it is here, and something was told that was not known
    DIFFERS = "differs"  # another memory has its id or its handle


class _Line(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag_field="type",
):
    pass


class HeaderLine(_Line, frozen=True, kw_only=True, tag="flowtrace-export"):
    """The first line."""

    version: int


class ProjectLine(_Line, frozen=True, kw_only=True, tag="project"):
    """A project, by what makes it the same one on every machine."""

    identity: str
    name: str
    created_us: Whole


class MemoryLine(_Line, frozen=True, kw_only=True, tag="memory"):
    """A memory with its whole history. Times are microseconds since the epoch, ids are hex."""

    id: str
    project: str = ""  # identity; "" = global, of no project
    kind: MemoryKind
    scope: ScopeName
    content: str
    topic: str = ""
    branch: str = ""
    session: str = ""
    sequence: Whole
    author: str = ""
    agent: str = ""
    recorded_us: Whole
    retracted_us: Whole | None = None
    retraction: str = ""
    valid_from_us: Whole
    valid_to_us: Whole | None = None
    seen_count: Whole = 1
    last_seen_us: Whole
    tags: tuple[DatedRow, ...] = ()
    aliases: tuple[DatedRow, ...] = ()
    files: tuple[DatedRow, ...] = ()
    lapses: tuple[LapseRow, ...] = ()
    metadata: dict[str, Any] = {}
    trace_id: str = ""
    span_id: str = ""
    tool_call_id: str = ""


class LinkLine(
    _Line, frozen=True, kw_only=True, tag="link", rename={"from_id": "from", "to_id": "to"}
):
    """What one memory is to another that was there before it."""

    from_id: str
    to_id: str
    relation: Outcome
    created_us: Whole


Line: TypeAlias = HeaderLine | ProjectLine | MemoryLine | LinkLine
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Line)


def encode_line(line: Line) -> bytes:
    """Return a line with its line end."""
    return _encoder.encode(line) + b"\n"


def decode_line(data: bytes) -> Line:
    """Return what a line says.

    Raises:
        InputError: It is no line of an export, or of a newer one.
    """
    try:
        line: Line = _decoder.decode(data)
    except UNDECODABLE as error:
        raise InputError("cannot read the line", why=str(error)[:200]) from error
    if isinstance(line, HeaderLine) and line.version > FORMAT_VERSION:
        raise InputError(
            f"cannot read an export of version {line.version}",
            why=f"this Flowtrace knows versions up to {FORMAT_VERSION}",
            mend="install a newer flowtrace-mcp",
        )
    for name, text, sizes_bytes in _ids_of(line):
        if id_bytes(text) is None or len(text) // 2 not in sizes_bytes:
            raise InputError(
                f"{name} {text[:40]!r} is not one",
                why="it is hex digits, as an export writes them",
                mend="export again",
            )
    return line


def _ids_of(line: Line) -> list[tuple[str, str, tuple[int, ...]]]:
    """Return name, text and possible sizes in bytes of the ids of a line."""
    match line:
        case MemoryLine():
            return [
                ("id", line.id, (MEMORY_ID_BYTES,)),
                ("trace_id", line.trace_id, (0, TRACE_ID_BYTES)),
                ("span_id", line.span_id, (0, SPAN_ID_BYTES)),
            ]
        case LinkLine():
            return [
                ("from", line.from_id, (MEMORY_ID_BYTES,)),
                ("to", line.to_id, (MEMORY_ID_BYTES,)),
            ]
        case _:
            return []


def id_bytes(text: str) -> bytes | None:
    """Return the bytes of an id in hex, or None when it is none."""
    try:
        return bytes.fromhex(text) if text.isalnum() or not text else None
    except ValueError:
        return None
