"""Identifiers: how they are read from people, made, shortened and stored."""

import hashlib
import re
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from flowtrace_mcp.errors import InputError

TRACE_ID_BYTES: Final = 16
SPAN_ID_BYTES: Final = 8
MEMORY_ID_BYTES: Final = 16
HANDLE_LENGTH: Final = 10
# Crockford's base 32: no i, l, o, u, so that a handle survives being read aloud or retyped.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_HANDLE: Final = re.compile(f"[{_ALPHABET}]{{{HANDLE_LENGTH}}}")
_HEX_WIDTHS: Final = (SPAN_ID_BYTES * 2, TRACE_ID_BYTES * 2)
# int() alone would also take signs, underscores and the digits of other scripts.
_HEX: Final = re.compile("(0x)?[0-9a-f]+")
_DECIMAL: Final = re.compile("[0-9]{1,39}")  # 2**128 has 39 digits
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)
_TYPED_LIMIT_CHARACTERS: Final = 100
_BETWEEN: Final = re.compile(r"[\s-]+")
_TYPED: Final = str.maketrans({"i": "1", "l": "1", "o": "0"})


@lru_cache(maxsize=8192)  # sessions, agents and models come by the thousand spans
def string_id(text: str) -> int:
    """Return the stable unsigned 64-bit number of a string: blake2b, 8 bytes; 0 for ""."""
    if not text:
        return 0
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")


@lru_cache(maxsize=8192)
def signed_string_id(text: str) -> int:
    """Return ``string_id`` as the signed number that SQLite stores."""
    return to_signed(string_id(text))


def signed_numbers(ids: Sequence[bytes]) -> tuple[int, ...]:
    """Return ids of 8 bytes as the signed numbers that SQLite stores, all in one step."""
    return struct.unpack(f">{len(ids)}q", b"".join(ids))


def to_signed(number: int) -> int:
    """Return an unsigned 64-bit number as the signed one that SQLite stores."""
    return number - 2**64 if number >= 2**63 else number


def parse_id(text: str, size_bytes: int, *, name: str = "id") -> bytes:
    """Return the bytes of an id given as hex, 0x-hex or decimal.

    Text of 16 or 32 characters is hex, even when every character is a digit; a 16-character
    trace id is the 64-bit one of older tracers, its upper half zero.

    Args:
        text: What a person or a program typed.
        size_bytes: 16 for a trace id, 8 for a span id.
        name: What to call it in an error.

    Raises:
        InputError: Not an id, all zero, or too large.
    """
    typed = text.strip().lower()
    is_hex = len(typed) in _HEX_WIDTHS or typed.startswith("0x")
    form, base = (_HEX, 16) if is_hex else (_DECIMAL, 10)
    number = int(typed, base) if form.fullmatch(typed) else 0
    if not 0 < number < 256**size_bytes:
        raise InputError(
            f"{name} {text[:64]!r} is not one",
            why=f"it is {size_bytes * 2} hex digits, or 0x-hex, or a decimal number above 0",
            mend="copy it from a list answer",
        )
    return number.to_bytes(size_bytes, "big")


def short_ids(ids: Iterable[bytes]) -> dict[bytes, str]:
    """Return trace or span id -> its handle of 10 hex digits, or all its digits in case of doubt.

    The handle of a span id is how it begins, that of a trace id how its lower half begins, which
    tracers fill at random. An id whose handle another of ``ids`` has too is given in full.
    """
    handles = {each: each[-SPAN_ID_BYTES:].hex()[:HANDLE_LENGTH] for each in ids}
    shared = Counter(handles.values())
    return {each: handle if shared[handle] == 1 else each.hex() for each, handle in handles.items()}


def short_id_range(text: str) -> tuple[int, int] | None:
    """Return the signed 64-bit numbers that a handle of ``short_ids`` stands for, both included.

    Returns:
        First and last span id, or lower half of a trace id; None for what is no handle.
    """
    typed = text.strip().lower()
    if len(typed) != HANDLE_LENGTH or not _HEX.fullmatch(typed):
        return None
    head = bytes.fromhex(typed)
    rest = SPAN_ID_BYTES - len(head)
    first, last = (head + fill * rest for fill in (b"\x00", b"\xff"))
    return int.from_bytes(first, "big", signed=True), int.from_bytes(last, "big", signed=True)


def parse_traceparent(told: object) -> tuple[bytes, bytes]:
    """Return trace and span id of a ``traceparent`` (W3C Trace Context), b"" for both if none."""
    found = _TRACEPARENT.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        return b"", b""
    trace_id, span_id = bytes.fromhex(found[1]), bytes.fromhex(found[2])
    if trace_id == bytes(TRACE_ID_BYTES) or span_id == bytes(SPAN_ID_BYTES):
        return b"", b""
    return trace_id, span_id


def new_memory_id(now_us: int, random_bytes: Callable[[int], bytes]) -> bytes:
    """Return a new 16-byte id: 8 bytes of time in microseconds, then 8 random bytes."""
    return now_us.to_bytes(8, "big") + random_bytes(8)


def memory_handle(memory_id: bytes) -> str:
    """Return the 10-character handle of a memory id: 50 bits of its blake2b hash in base 32."""
    number = int.from_bytes(hashlib.blake2b(memory_id, digest_size=8).digest(), "big") >> 14
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(45, -5, -5))


def forgiven_handle(text: str) -> str:
    """Return what was typed in the letters of a handle, whatever its length.

    Case, blanks, hyphens and the letters that look like digits are forgiven; what no handle
    holds is left out.
    """
    typed = text[:_TYPED_LIMIT_CHARACTERS].lower().translate(_TYPED)
    return "".join(character for character in typed if character in _ALPHABET)


def parse_handle(text: str) -> str:
    """Return a handle as stored, forgiving case, blanks and letters that look like digits.

    Raises:
        InputError: Not a handle.
    """
    typed = _BETWEEN.sub("", text.lower()).translate(_TYPED)
    if not _HANDLE.fullmatch(typed):
        raise InputError(
            f"{text[:64]!r} is not a memory id",
            why=f"a memory id is {HANDLE_LENGTH} characters, as `recall` shows them",
            mend="copy it from a recall answer",
        )
    return typed
