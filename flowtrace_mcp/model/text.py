"""Text at the border: what may not enter the database is escaped, never dropped."""

from typing import Final

import msgspec

# What msgspec raises on bytes from outside: malformed, of another type, not UTF-8, too deep.
UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_NUL: Final = "\x00"
_NUL_ESCAPED: Final = "\\u0000"


def storable(text: str) -> str:
    r"""Return text that SQLite and UTF-8 can hold.

    A NUL becomes the six characters ``\u0000``, a lone surrogate its ``\udxxx`` escape.
    """
    if _NUL in text:
        text = text.replace(_NUL, _NUL_ESCAPED)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-8", "backslashreplace").decode()
    return text


def one_line(text: str, limit_characters: int) -> str:
    """Return text on one line, never longer than the limit; an ellipsis stands for what was cut."""
    flat = " ".join(text.split())
    if len(flat) <= limit_characters:
        return flat
    return flat[: limit_characters - 1] + "…" if limit_characters > 0 else ""
