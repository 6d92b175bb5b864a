"""Lists of a memory that grow and shrink and forget nothing: each value with its span of time.

Stored as JSON, ``[[value, more, from_us, to_us], ...]`` in the order in which the values came;
``to_us`` is null while the value holds. Rows are appended and closed, never changed otherwise.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

# What holds, and what is said of it: a path and its blob id, a tag and "".
Pair: TypeAlias = tuple[str, str]
Row: TypeAlias = tuple[str, str, int, int | None]

_decoder: Final = msgspec.json.Decoder(list[Row])
_encoder: Final = msgspec.json.Encoder()
_NO_ROWS: Final = "[]"  # as most lists are


def pack_rows(rows: Sequence[Row]) -> str:
    """Return rows as they are stored."""
    return _encoder.encode(rows).decode()


def unpack_rows(text: str) -> list[Row]:
    """Return stored rows."""
    return _decoder.decode(text) if text != _NO_ROWS else []


def new_rows(pairs: Iterable[Pair], now_us: int) -> list[Row]:
    """Return rows of values that hold from now on."""
    return [(value, more, now_us, None) for value, more in dict.fromkeys(pairs)]


def pairs_of(rows: Sequence[Row]) -> list[Pair]:
    """Return what holds at present, in the order in which it came."""
    return [(value, more) for value, more, _, to_us in rows if to_us is None]


def add_pairs(rows: list[Row], pairs: Iterable[Pair], now_us: int) -> list[int]:
    """Append what does not hold yet; return the places of the new rows."""
    held = set(pairs_of(rows))
    first = len(rows)
    rows.extend(new_rows([pair for pair in pairs if pair not in held], now_us))
    return list(range(first, len(rows)))


def close_pairs(rows: list[Row], pairs: Iterable[Pair], now_us: int) -> list[int]:
    """End what holds; return the places of the rows that ended."""
    wanted = set(pairs)
    places = [
        place
        for place, (value, more, _, to_us) in enumerate(rows)
        if to_us is None and (value, more) in wanted
    ]
    for place in places:
        value, more, from_us, _ = rows[place]
        rows[place] = (value, more, from_us, now_us)
    return places
