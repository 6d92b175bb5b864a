"""DDSketch: quantiles of a stream within 1 % of the true value, in a few hundred bytes.

Source: Masson, Rim, Lee, DDSketch: A Fast and Fully-Mergeable Quantile Sketch with
Relative-Error Guarantees, PVLDB 12(12), 2019. The stored form is ``docs/format/sketches.md``.
"""

import math
import struct
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from itertools import accumulate, pairwise
from typing import Final

from flowtrace_mcp.analytics.seal import damaged, seal, unseal
from flowtrace_mcp.errors import InputError

RELATIVE_ACCURACY: Final = 0.01
BIN_LIMIT: Final = 2048
SMALLEST: Final = 1e-300  # what is smaller counts as zero
LARGEST: Final = 1e300

_GAMMA: Final = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)
_LN_GAMMA: Final = math.log(_GAMMA)
_BINS_PER_E: Final = 1 / _LN_GAMMA

_VERSION: Final = 1
_NAME: Final = "DDSketch"
_HEADER: Final = struct.Struct("<BBHQ3di")
_CODES: Final = {1: "B", 2: "H", 4: "I", 8: "Q"}


class DDSketch:
    """Counts of non-negative values in bins that grow by 2 %; the unit is the caller's.

    Bin ``i`` holds the values in (gamma^(i-1), gamma^i] with gamma = 1.01 / 0.99. Above
    ``BIN_LIMIT`` bins, the lowest are folded into the lowest one kept: that needs values spread
    over 17 powers of ten, and then only the smallest quantiles lose their accuracy.

    Attributes:
        bins: Count of each bin in use.
        zero_count: Count of values below ``SMALLEST``.
        sum: Sum of all values.
        min: Smallest value, infinity when empty.
        max: Largest value, minus infinity when empty.
    """

    __slots__ = ("bins", "max", "min", "sum", "zero_count")

    def __init__(self) -> None:
        self.bins: dict[int, int] = {}
        self.zero_count = 0
        self.sum = 0.0
        self.min = math.inf
        self.max = -math.inf

    @property
    def count(self) -> int:
        """Return how many values were added."""
        return self.zero_count + sum(self.bins.values())

    def add(self, value: float) -> None:
        """Add one value.

        Raises:
            InputError: Negative, not a number or above ``LARGEST``.
        """
        if not 0 <= value <= LARGEST:
            raise _refusal(value)
        if value < SMALLEST:
            self.zero_count += 1
        else:
            index = math.ceil(math.log(value) * _BINS_PER_E)
            bins = self.bins
            bins[index] = bins.get(index, 0) + 1
            if len(bins) > BIN_LIMIT:
                _collapse(bins)
        self.sum += value
        if value < self.min or value > self.max:
            self._widen(value, value)

    def add_many(self, values: Collection[float]) -> None:
        """Add all values, or none of them when one is refused.

        Raises:
            InputError: One is negative, not a number or above ``LARGEST``.
        """
        if not values:
            return
        # A NaN may hide from min and max, but not from the sum.
        smallest, largest, total = min(values), max(values), sum(values)
        if not (smallest >= 0 and largest <= LARGEST and not math.isnan(total)):
            raise _refusal(next(value for value in values if not 0 <= value <= LARGEST))
        indexes = [
            math.ceil(math.log(value) * _BINS_PER_E) for value in values if value >= SMALLEST
        ]
        self.zero_count += len(values) - len(indexes)
        self._add_bins(Counter(indexes))
        self.sum += total
        self._widen(smallest, largest)

    def remove(self, value: float) -> bool:
        """Take back one value that was added before.

        Returns:
            Whether that could be done. The smallest and the largest value stay, for nobody knows
            the next one, and so does one that was never added or is folded into another bin.
        """
        is_one_of_many_zeros = value == 0 and self.zero_count > 1
        if not (self.min < value < self.max or is_one_of_many_zeros):
            return False
        if value < SMALLEST:
            self.zero_count -= 1
        else:
            index = math.ceil(math.log(value) * _BINS_PER_E)
            left = self.bins.get(index, 0) - 1
            if left < 0:
                return False
            if left:
                self.bins[index] = left
            else:
                del self.bins[index]
        self.sum -= value
        return True

    def merge(self, other: "DDSketch") -> None:
        """Add everything that another sketch holds; the order of merges does not matter."""
        self.zero_count += other.zero_count
        self._add_bins(other.bins)
        self.sum += other.sum
        self._widen(other.min, other.max)

    def quantile(self, q: float) -> float:
        """Return the value below which the share ``q`` of all values lies; see ``quantiles``."""
        return self.quantiles((q,))[0]

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return for each share the value below which that part of all values lies.

        Args:
            shares: From 0 (the smallest) to 1 (the largest).

        Returns:
            Within 1 % of the values at rank floor(q (n - 1)) of the sorted stream, in its unit.

        Raises:
            InputError: A share is outside 0 to 1, or the sketch is empty.

        Formula:
            2 gamma^i / (gamma + 1) of the bin i that holds the rank. Masson, Rim, Lee, 2019,
            algorithm 2.
        """
        indexes = sorted(self.bins)
        seen = list(accumulate(self.bins[index] for index in indexes))
        count = self.zero_count + (seen[-1] if seen else 0)
        found = []
        for q in shares:
            if not (0 <= q <= 1 and count):
                raise InputError(
                    f"cannot take quantile {q} of {count} values",
                    why="a quantile is a number from 0 to 1 of at least one value",
                    mend="look at count first",
                )
            # Above 2**53 values the product rounds, and may round up to the count.
            rank = min(math.floor(q * (count - 1)), count - 1) - self.zero_count
            if rank < 0:
                found.append(self.min)
                continue
            index = indexes[bisect_right(seen, rank)]
            estimate = math.exp(index * _LN_GAMMA) * 2 / (_GAMMA + 1)
            found.append(min(max(estimate, self.min), self.max))
        return found

    def to_bytes(self) -> bytes:
        """Return the stored form, 45 bytes and 2 to 3 per bin in use as a rule."""
        indexes = sorted(self.bins)
        gaps = [0, *(right - left for left, right in pairwise(indexes))] if indexes else []
        gap_width, packed_gaps = _pack(gaps)
        count_width, packed_counts = _pack([self.bins[i] for i in indexes])
        header = _HEADER.pack(
            gap_width,
            count_width,
            len(indexes),
            self.zero_count,
            self.sum,
            self.min,
            self.max,
            indexes[0] if indexes else 0,
        )
        return seal(_VERSION, header + packed_gaps + packed_counts)

    @classmethod
    def from_bytes(cls, blob: bytes) -> "DDSketch":
        """Return the sketch that ``to_bytes`` stored.

        Raises:
            DamagedError: The bytes are not those of a sketch.
        """
        body = unseal(blob, _VERSION, name=_NAME)
        sketch = cls()
        try:
            (gap_width, count_width, length, zero_count, total, low, high, first) = (
                _HEADER.unpack_from(body)
            )
            layout = f"<{length}{_CODES[gap_width]}{length}{_CODES[count_width]}"
            numbers = struct.unpack(layout, body[_HEADER.size :])
        except (struct.error, KeyError) as error:
            raise damaged(_NAME, "its length does not match its header") from error
        indexes = (first + distance for distance in accumulate(numbers[:length]))
        sketch.bins = dict(zip(indexes, numbers[length:], strict=True))
        sketch.zero_count = zero_count
        sketch.sum, sketch.min, sketch.max = total, low, high
        return sketch

    def _widen(self, smallest: float, largest: float) -> None:
        self.min = min(self.min, smallest)
        self.max = max(self.max, largest)

    def _add_bins(self, counts: dict[int, int]) -> None:
        bins = self.bins
        for index, count in counts.items():
            bins[index] = bins.get(index, 0) + count
        if len(bins) > BIN_LIMIT:
            _collapse(bins)


def _collapse(bins: dict[int, int]) -> None:
    indexes = sorted(bins)
    lowest_kept = indexes[-BIN_LIMIT]
    bins[lowest_kept] += sum(bins.pop(index) for index in indexes[:-BIN_LIMIT])


def _pack(numbers: Sequence[int]) -> tuple[int, bytes]:
    """Return the narrowest width that holds all numbers, and the numbers in it."""
    largest = max(numbers, default=0)
    width = next(width for width in _CODES if largest < 256**width)
    return width, struct.pack(f"<{len(numbers)}{_CODES[width]}", *numbers)


def _refusal(value: float) -> InputError:
    return InputError(
        f"cannot count the value {value}",
        why=f"a DDSketch holds numbers from 0 to {LARGEST:g}",
        mend="leave it out",
    )
