"""Bytes as nobody writes them: cut, flipped, doubled and spliced."""

import random
from collections.abc import Sequence
from typing import Final

# Ends of the ranges of a byte, of lengths and of text, and what JSON is made of.
TELLING: Final = (
    b"\x00",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff\xff\xff\xff\x0f",
    b"\xff" * 9 + b"\x01",
    b"\x0a\x00",
    b"\x12\x00" * 40,
    b"\xed\xa0\x80",
    b"\xf0\x9f\x98",
    b"{",
    b"}",
    b"[" * 200,
    b'"',
    b"\\ud800",
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"18446744073709551616",
)


def change(body: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """Change a body in one place, maybe by a piece of another."""
    at = chance.randrange(len(body) + 1)
    until = min(len(body), at + chance.choice((1, 2, 8, 64, 1024)))
    match chance.randrange(7):
        case 0:
            if at < len(body):
                body[at] ^= 1 << chance.randrange(8)
        case 1:
            body[at:until] = b""
        case 2:
            body[at:at] = body[at:until]
        case 3:
            body[at:at] = chance.choice(TELLING)
        case 4:
            body[at:until] = chance.choice(TELLING)
        case 5:
            del body[at:]
        case _:
            other = chance.choice(seeds)
            start = chance.randrange(len(other))
            body[at:until] = other[start : start + chance.choice((4, 64, 2048))]


def broken(body: bytes, chance: random.Random, seeds: Sequence[bytes], most: int = 6) -> bytes:
    """Return a body that was changed in one to ``most`` places."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, most)):
        change(changed, chance, seeds)
    return bytes(changed)
