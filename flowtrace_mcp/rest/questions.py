"""What a caller asks: path, query and body, read strictly and once."""

import base64
import binascii
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import TRACE_ID_BYTES, parse_id, string_id
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.rest.declared import CURSOR, LIMIT, SINCE, UNTIL, Parameter
from flowtrace_mcp.services.listing import Position, Window

assert isinstance(LIMIT.default, int)
assert isinstance(LIMIT.most, int)
LIMIT_DEFAULT: Final = LIMIT.default
LIMIT_MOST: Final = LIMIT.most
# Checked at the door, and allowed on every path.
TOKEN: Final = "token"  # noqa: S105 - the name of a parameter, not a secret

_CURSOR: Final = struct.Struct(">qqQ")  # time, id, which question it belongs to
_NULLABLE: Final = msgspec.json.Decoder(dict[str, Any])

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, all of it in memory."""

    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in small letters

    def check_names(self, known: Collection[str]) -> None:
        """Refuse what is not known: a filter that is passed over gives wrong answers.

        Raises:
            InputError: The query has another name in it.
        """
        unknown = [name for name in self.query if name not in known and name != TOKEN]
        if unknown:
            raise InputError(
                f"unknown parameter {unknown[0][:40]!r}",
                why="this path takes " + (", ".join(sorted(known)) or "none"),
                mend="correct its name or leave it out",
            )

    def text(self, parameter: Parameter) -> str:
        """Return what is given for a parameter under any of its names, "" when nothing is."""
        query = self.query
        return next((query[name] for name in parameter.names if query.get(name)), "")

    def trace_id(self, text: str) -> bytes:
        """Return the trace id that a text is; empty for ""."""
        return parse_id(text, TRACE_ID_BYTES, name="trace_id") if text else b""

    @property
    def limit(self) -> int:
        """Return how many rows to list.

        Raises:
            InputError: It is out of bounds.
        """
        text = self.text(LIMIT) or str(LIMIT_DEFAULT)
        limit = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
        if not 1 <= limit <= LIMIT_MOST:
            raise InputError(
                f"limit cannot be {text[:20]!r}",
                why=f"it goes from 1 to {LIMIT_MOST}",
                mend="ask for fewer rows and follow `next`",
            )
        return limit

    @property
    def window(self) -> Window:
        """Return the time window asked for.

        Raises:
            InputError: A time is not one, or the end is not after the start.
        """
        since, until = self.text(SINCE), self.text(UNTIL)
        window = Window(
            since_us=parse_time_us(since, name="since") if since else None,
            until_us=parse_time_us(until, name="until") if until else None,
        )
        if window.since_us and window.until_us and window.until_us <= window.since_us:
            raise InputError(
                "the time window is empty",
                why="until is not after since",
                mend="swap them, or leave one out",
            )
        return window

    def position(self, key: int) -> Position | None:
        """Return where the cursor says to go on, None at the beginning.

        Args:
            key: From ``cursor_key``: which list it must belong to.

        Raises:
            InputError: It is no cursor of this very list.
        """
        text = self.text(CURSOR)
        if not text:
            return None
        try:
            packed = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
            time_us, number, found = _CURSOR.unpack(packed)
        except (binascii.Error, ValueError, struct.error):
            found = time_us = number = None
        if found != key:
            raise InputError(
                f"cursor {text[:40]!r} does not belong to this list",
                why="a cursor goes on with the path and filters of the answer it came with",
                mend="repeat the same filters, or start without a cursor",
            )
        return Position(time_us=time_us, number=number)


def cursor_key(list_name: str, *filters: object) -> int:
    """Return the number by which a cursor is told to belong to a list and its filters."""
    return string_id("\x1f".join((list_name, *map(repr, filters))))


def cursor_of(position: Position | None, key: int) -> str | None:
    """Return the opaque text of a position, None when the list has ended."""
    if position is None:
        return None
    packed = _CURSOR.pack(position.time_us, position.number, key)
    return base64.urlsafe_b64encode(packed).rstrip(b"=").decode()


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object that a body is.

    Raises:
        InputError: It is not one.
    """
    try:
        return _NULLABLE.decode(body)
    except UNDECODABLE as error:
        raise InputError(
            "cannot read the body", why=f"it is not a JSON object ({error})", mend="correct it"
        ) from error


def shaped(given: Mapping[str, Any], shape: type[T], place: str = "") -> T:
    """Return JSON as a given type; null means the same as leaving out.

    Args:
        given: A JSON object.
        shape: A ``msgspec.Struct`` that forbids unknown fields.
        place: Where in the body it stands, for the error.

    Raises:
        InputError: An argument is missing, unknown or of the wrong type.
    """
    try:
        return msgspec.convert({k: v for k, v in given.items() if v is not None}, shape)
    except msgspec.ValidationError as error:
        raise InputError(
            f"cannot take {place or 'the body'}",
            why=str(error).replace("Object ", "it ", 1),
            mend="correct or remove that argument; it takes " + ", ".join(_names(shape)),
        ) from error


def _names(shape: type) -> Collection[str]:
    return [one.encode_name for one in msgspec.structs.fields(shape)]
