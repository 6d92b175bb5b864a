"""Tests that look at the order of values alone: one far outlier changes next to nothing."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from flowtrace_mcp.analytics.distributions import (
    normal_quantile,
    normal_two_sided,
    student_two_sided,
)

# Fewer points say next to nothing of a trend or a correlation.
POINTS_LEAST: Final = 8
_BISECTIONS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Whether values rise or fall along their order."""

    tau: float  # -1 (falls at every step) to 1
    probability: float  # that chance alone makes it, two-sided
    slope: float  # change a step, the median over all pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """How two series go together."""

    rho: float  # -1 to 1
    probability: float  # that chance alone makes it, two-sided


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """How much higher one group of values lies than another."""

    shift: float  # in their unit
    low: float
    high: float
    superiority: float  # how likely a value of the one is above one of the other, ties half
    probability: float  # that chance alone makes it, two-sided


def ranks_of(values: Sequence[float]) -> list[float]:
    """Return the rank of each value from 1 on; equal ones share the mean of theirs."""
    order = sorted(range(len(values)), key=lambda at: values[at])
    ranks = [0.0] * len(values)
    begin = 0
    while begin < len(order):
        end = begin
        while end < len(order) and values[order[end]] == values[order[begin]]:
            end += 1
        for at in order[begin:end]:
            ranks[at] = (begin + 1 + end) / 2
        begin = end
    return ranks


def mann_kendall(values: Sequence[float]) -> Trend | None:
    """Return whether values have a trend, None for fewer than ``POINTS_LEAST``.

    Args:
        values: In the order of time, a step apart.

    Formula:
        S = the sum over pairs of sign(later - earlier); var = (n (n - 1) (2 n + 5) - the sum over
        ties of t (t - 1) (2 t + 5)) / 18; z = (S - sign(S)) / sqrt(var). Kendall, Rank Correlation
        Methods, 1975; Mann, Nonparametric Tests Against Trend, Econometrica 13, 1945. The slope is
        Theil's and Sen's. Values that depend on those before them make the probability too small.
    """
    count = len(values)
    if count < POINTS_LEAST:
        return None
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    score = sum((values[j] > values[i]) - (values[j] < values[i]) for i, j in pairs)
    tied = sum(size * (size - 1) * (2 * size + 5) for size in _tie_sizes(values))
    variance = (count * (count - 1) * (2 * count + 5) - tied) / 18
    slope = median((values[j] - values[i]) / (j - i) for i, j in pairs)
    z = 0.0 if variance <= 0 else (score - (score > 0) + (score < 0)) / math.sqrt(variance)
    return Trend(tau=score / len(pairs), probability=normal_two_sided(z), slope=slope)


def spearman(xs: Sequence[float], ys: Sequence[float]) -> Correlation | None:
    """Return how two series go together by rank.

    Args:
        xs: Values.
        ys: As many, each beside its own of the others.

    Returns:
        None for fewer than ``POINTS_LEAST``, or where one of them never changes.

    Formula:
        Pearson's r of the ranks, equal values sharing the mean of theirs; t = r sqrt((n - 2) /
        (1 - r²)) with n - 2 degrees of freedom. Kendall and Stuart, The Advanced Theory of
        Statistics, volume 2, 1979, section 31.19.
    """
    count = len(xs)
    if count < POINTS_LEAST or len(set(xs)) < 2 or len(set(ys)) < 2:
        return None
    first, second = ranks_of(xs), ranks_of(ys)
    middle = (count + 1) / 2
    products = sum((a - middle) * (b - middle) for a, b in zip(first, second, strict=True))
    spread = math.sqrt(
        sum((a - middle) ** 2 for a in first) * sum((b - middle) ** 2 for b in second)
    )
    rho = max(-1.0, min(1.0, products / spread))
    left = 1 - rho * rho
    t = math.inf if left <= 0 else rho * math.sqrt((count - 2) / left)
    return Correlation(rho=rho, probability=student_two_sided(t, count - 2))


def shift_between(one: Sequence[float], other: Sequence[float], confidence: float = 0.95) -> Shift:
    """Return how much higher the values of one group lie than those of another.

    Args:
        one: At least one value.
        other: At least one value.
        confidence: Of the interval, between 0 and 1.

    Formula:
        Hodges and Lehmann's estimator, the median of all differences between the two, with
        Moses' interval; U and its variance with ties. Hollander and Wolfe, Nonparametric
        Statistical Methods, 1999, sections 4.1 to 4.3. Superiority is U / (n m).
    """
    n, m = len(one), len(other)
    ranks = ranks_of([*one, *other])
    u = sum(ranks[:n]) - n * (n + 1) / 2
    total = n + m
    tied = sum(size**3 - size for size in _tie_sizes([*one, *other]))
    variance = n * m / 12 * (total + 1 - tied / (total * max(total - 1, 1)))
    off = u - n * m / 2
    nearer = math.copysign(max(abs(off) - 0.5, 0.0), off)  # a count has no halves
    probability = 1.0 if variance <= 0 else normal_two_sided(nearer / math.sqrt(variance))
    xs, ys = sorted(one), sorted(other)
    beyond = normal_quantile((1 + confidence) / 2) * math.sqrt(n * m * (total + 1) / 12)
    outer = max(1, math.floor(n * m / 2 - beyond))
    middle = [(n * m + 1) // 2, n * m // 2 + 1]
    return Shift(
        shift=sum(nth_difference(xs, ys, place) for place in middle) / 2,
        low=nth_difference(xs, ys, outer),
        high=nth_difference(xs, ys, n * m + 1 - outer),
        superiority=u / (n * m),
        probability=probability,
    )


def nth_difference(xs: Sequence[float], ys: Sequence[float], place: int) -> float:
    """Return the n-th smallest of all differences between two groups, without making them all.

    Args:
        xs: Rising values.
        ys: Rising values, which are taken from the others.
        place: From 1 to the number of pairs.

    Returns:
        The difference, right to the last digits of a float.

    Formula:
        Bisection on the value: how many differences are at most so large is counted along the
        edge of the sorted matrix of pairs in n + m steps.
    """
    low, high = xs[0] - ys[-1], xs[-1] - ys[0]
    if _count_at_most(xs, ys, low) >= place:
        return low
    for _ in range(_BISECTIONS):
        middle = low + (high - low) / 2
        if not low < middle < high:
            break
        if _count_at_most(xs, ys, middle) >= place:
            high = middle
        else:
            low = middle
    return high


def _count_at_most(xs: Sequence[float], ys: Sequence[float], limit: float) -> int:
    """Return how many pairs differ by at most so much."""
    count, at = 0, len(ys)
    for x in reversed(xs):
        # The larger x is, the larger y has to be: the first y that is large enough only falls.
        while at > 0 and x - ys[at - 1] <= limit:
            at -= 1
        count += len(ys) - at
    return count


def _tie_sizes(values: Iterable[float]) -> list[int]:
    return [size for size in Counter(values).values() if size > 1]
