"""Draw the plugins' icon: the spans of a trace, one under the other, and the one that is remembered.

A rectangle with round corners is the set of points nearer than its radius to its core; how far a
point is from the edge, cut to one pixel, is how much of the pixel it covers.
"""

import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGETS = (ROOT / "plugin/claude/icon.png", ROOT / "plugin/cursor/icon.png")
SIZE = 512
Color = tuple[int, int, int]


@dataclass(frozen=True)
class RoundRectangle:
    """A shape in pixels."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float
    color: Color

    def beyond(self, y: float) -> float:
        """Return how far a row lies above or below the core."""
        return max(self.top + self.radius - y, y - self.bottom + self.radius, 0.0)

    def coverage(self, x: float, beyond_y: float) -> float:
        """Return how much of the pixel around a point lies inside, 0 to 1."""
        beyond_x = max(self.left + self.radius - x, x - self.right + self.radius, 0.0)
        return min(max(self.radius - (beyond_x**2 + beyond_y**2) ** 0.5 + 0.5, 0.0), 1.0)


GROUND = RoundRectangle(0, 0, 512, 512, 112, (17, 24, 39))
SHAPES = (
    RoundRectangle(88, 112, 424, 160, 24, (56, 189, 248)),
    RoundRectangle(136, 192, 344, 240, 24, (125, 211, 252)),
    RoundRectangle(200, 272, 424, 320, 24, (125, 211, 252)),
    RoundRectangle(264, 352, 360, 400, 24, (56, 189, 248)),
    RoundRectangle(376, 352, 424, 400, 24, (250, 204, 21)),
)


@cache
def row(ground: float, crossed: tuple[tuple[RoundRectangle, float], ...]) -> bytes:
    """Return the pixels of a row: red, green, blue and opacity of each.

    Args:
        ground: How far it lies beyond the core of the ground.
        crossed: The shapes that it meets, and how far it lies beyond the core of each.
    """
    pixels = bytearray()
    for x in range(SIZE):
        red, green, blue = GROUND.color
        for shape, beyond in crossed:
            share = shape.coverage(x + 0.5, beyond)
            if share:
                red, green, blue = (
                    round(old + (new - old) * share)
                    for old, new in zip((red, green, blue), shape.color, strict=True)
                )
        pixels += bytes((red, green, blue, round(255 * GROUND.coverage(x + 0.5, ground))))
    return bytes(pixels)


def rows() -> Iterator[bytes]:
    """Yield the rows from the top, each behind its filter, which is none."""
    for y in range(SIZE):
        found = ((shape, shape.beyond(y + 0.5)) for shape in SHAPES)
        crossed = tuple((shape, beyond) for shape, beyond in found if beyond < shape.radius + 1)
        yield b"\x00" + row(GROUND.beyond(y + 0.5), crossed)


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a part of a PNG file."""
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png() -> bytes:
    """Return the icon as a PNG file, the same on every machine."""
    header = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 6, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows()), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(name, data) for name, data in parts)


def main() -> int:
    drawn = png()
    for target in TARGETS:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(drawn)
    return 0


if __name__ == "__main__":
    sys.exit(main())
