"""HyperLogLog: how many different things a stream held, within 0.81 % (standard error).

Sources: Flajolet, Fusy, Gandouet, Meunier, HyperLogLog, AofA 2007, for the registers; Ertl,
New Cardinality Estimation Algorithms for HyperLogLog Sketches, arXiv 1702.01284, 2017, for the
estimate. The stored form is ``docs/format/sketches.md``.
"""

import math
import struct
import zlib
from collections.abc import Collection, Iterable
from typing import Final

from flowtrace_mcp.analytics.seal import damaged, seal, unseal
from flowtrace_mcp.errors import InputError

PRECISION: Final = 14
REGISTER_COUNT: Final = 2**PRECISION
STANDARD_ERROR: Final = 1.04 / math.sqrt(REGISTER_COUNT)
EXACT_LIMIT: Final = 256  # up to here the hashes themselves are kept, and the count is exact

_REST_BITS: Final = 64 - PRECISION
_REST_MASK: Final = 2**_REST_BITS - 1
_RANK_MAX: Final = _REST_BITS + 1
_RANKS: Final = bytes(range(_RANK_MAX + 1))
_HASH_MAX: Final = 2**64 - 1
_HASH_BYTES: Final = 8

_HIGH_BITS: Final = int.from_bytes(b"\x80" * REGISTER_COUNT, "little")
_LOW_BITS: Final = int.from_bytes(b"\x7f" * REGISTER_COUNT, "little")

_VERSION: Final = 1
_NAME: Final = "HyperLogLog"
_EXACT: Final = b"\x00"
_REGISTERS: Final = b"\x01"
_FAST: Final = 1  # zlib level: 7 KB instead of 16 KB; a higher level saves little


class HyperLogLog:
    """A set of 64-bit hashes that can be counted and merged, but not listed.

    The hashes must be even over all 64 bits (``model.ids.string_id`` is); plain numbers are not.
    What a sketch holds depends on the set of hashes alone, not on their order or repetition.

    Attributes:
        hashes: All hashes, while there are at most ``EXACT_LIMIT``; empty after that.
        registers: None until then; after it the 2^14 registers, one byte each.
    """

    __slots__ = ("hashes", "registers")

    def __init__(self) -> None:
        self.hashes: set[int] = set()
        self.registers: bytearray | None = None

    def add_hash(self, hashed: int) -> None:
        """Add one unsigned 64-bit hash.

        Raises:
            InputError: The number does not fit 64 bits.
        """
        if not 0 <= hashed <= _HASH_MAX:
            raise _refusal(hashed)
        if self.registers is not None:
            _raise_registers(self.registers, (hashed,))
            return
        self.hashes.add(hashed)
        if len(self.hashes) > EXACT_LIMIT:
            self._open_registers()

    def add_hashes(self, hashes: Collection[int]) -> None:
        """Add unsigned 64-bit hashes, or none of them when one is refused.

        Raises:
            InputError: A number does not fit 64 bits.
        """
        for extreme in (min(hashes, default=0), max(hashes, default=0)):
            if not 0 <= extreme <= _HASH_MAX:
                raise _refusal(extreme)
        if self.registers is not None:
            _raise_registers(self.registers, hashes)
            return
        self.hashes.update(hashes)
        if len(self.hashes) > EXACT_LIMIT:
            self._open_registers()

    def merge(self, other: "HyperLogLog") -> None:
        """Add everything that another sketch holds; the order of merges does not matter."""
        if other.registers is None:
            self.add_hashes(other.hashes)
            return
        mine = self.registers if self.registers is not None else self._open_registers()
        mine[:] = _larger_of_each(mine, other.registers)

    def count(self) -> int:
        """Return about how many different hashes were added; exact up to ``EXACT_LIMIT``.

        Formula:
            m^2 / (2 ln 2 (m sigma(C0 / m) + the sum over k >= 1 of Ck 2^-k)) with m = 2^14
            registers, of which Ck have the value k. Ertl 2017, algorithm 6, without its term for
            registers at their end, which begins to count near 2^64.
        """
        if self.registers is None:
            return len(self.hashes)
        m = REGISTER_COUNT
        filled = self.registers.translate(None, b"\0")  # of some hundred hashes most are not
        z = 0.0
        for rank in range(_RANK_MAX, 0, -1):
            z = (z + filled.count(rank)) / 2
        z += m * _sigma((m - len(filled)) / m)
        return round(m * m / (2 * math.log(2) * z))

    def to_bytes(self) -> bytes:
        """Return the stored form: 6 bytes when empty, 8 per hash up to 256, then about 7 KB."""
        if self.registers is None:
            hashes = sorted(self.hashes)
            return seal(_VERSION, _EXACT + struct.pack(f"<{len(hashes)}Q", *hashes))
        return seal(_VERSION, _REGISTERS + zlib.compress(self.registers, _FAST))

    @classmethod
    def from_bytes(cls, blob: bytes) -> "HyperLogLog":
        """Return the sketch that ``to_bytes`` stored.

        Raises:
            DamagedError: The bytes are not those of a sketch.
        """
        body = unseal(blob, _VERSION, name=_NAME)
        form, content = body[:1], body[1:]
        sketch = cls()
        if form == _EXACT and len(content) % _HASH_BYTES == 0:
            sketch.add_hashes(struct.unpack(f"<{len(content) // _HASH_BYTES}Q", content))
        elif form == _REGISTERS:
            sketch.registers = _inflate(content)
        else:
            raise damaged(_NAME, "its form is unknown or its length is wrong")
        return sketch

    def _open_registers(self) -> bytearray:
        registers = bytearray(REGISTER_COUNT)
        _raise_registers(registers, self.hashes)
        self.hashes = set()
        self.registers = registers
        return registers


def _raise_registers(registers: bytearray, hashes: Iterable[int]) -> None:
    for hashed in hashes:
        index = hashed >> _REST_BITS
        rank = _RANK_MAX - (hashed & _REST_MASK).bit_length()
        if rank > registers[index]:  # noqa: PLR1730 - max() doubles the time of the loop
            registers[index] = rank


def _larger_of_each(one: bytearray, other: bytearray) -> bytes:
    """Return byte by byte the larger of two registers, all of them at once.

    As long numbers: a register has at most 51, so the highest bit of each byte is free to hold
    which is the larger. 50 us instead of 0.9 to 2 ms for a loop over bytes.
    """
    first, second = int.from_bytes(one, "little"), int.from_bytes(other, "little")
    is_first = ((first | _HIGH_BITS) - second) & _HIGH_BITS
    of_first = is_first - (is_first >> 7)
    larger = (first & of_first) | (second & (of_first ^ _LOW_BITS))
    return larger.to_bytes(REGISTER_COUNT, "little")


def _inflate(content: bytes) -> bytearray:
    """Return the registers, never inflating more than there can be."""
    try:
        registers = zlib.decompressobj().decompress(content, REGISTER_COUNT + 1)
    except zlib.error as error:
        raise damaged(_NAME, "its registers cannot be inflated") from error
    if len(registers) != REGISTER_COUNT or registers.translate(None, _RANKS):
        raise damaged(_NAME, f"it has {REGISTER_COUNT} registers from 0 to {_RANK_MAX}")
    return bytearray(registers)


def _sigma(x: float) -> float:
    """Return x + the sum over k >= 1 of x^(2^k) 2^(k-1), which is infinite at 1."""
    total, previous, weight = x, -1.0, 1.0
    while total != previous:
        x *= x
        previous = total
        total += x * weight
        weight *= 2
    return total


def _refusal(hashed: int) -> InputError:
    return InputError(
        "cannot add a hash that is not an unsigned 64-bit number",
        why=f"it has {hashed.bit_length()} bits" if hashed >= 0 else "it is negative",
        mend="hash with `string_id`",
    )
