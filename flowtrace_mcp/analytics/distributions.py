"""How likely chance alone is: two-sided probabilities, intervals of rates, many tests at once."""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

_STANDARD: Final = NormalDist()
_FRACTION_STEPS: Final = 300
_ENOUGH: Final = 1e-15
_TINY: Final = 1e-300


def normal_two_sided(z: float) -> float:
    """Return how likely a standard normal value is at least so far from 0, from 0 to 1."""
    return math.erfc(abs(z) / math.sqrt(2))


def normal_quantile(share: float) -> float:
    """Return the standard normal value below which a share lies, the share between 0 and 1."""
    return _STANDARD.inv_cdf(share)


def student_two_sided(t: float, freedom: float) -> float:
    """Return how likely a value of Student's distribution is at least so far from 0.

    Args:
        t: The value.
        freedom: Degrees of freedom, above 0.

    Formula:
        I(v / (v + t²); v / 2, 1 / 2), the regularised incomplete beta function. Abramowitz and
        Stegun, Handbook of Mathematical Functions, 1964, equation 26.7.1 with 26.5.27. Near 0 its
        mirror keeps the digits that v / (v + t²) has lost.
    """
    if math.isinf(t):
        return 0.0
    square = t * t
    if square < freedom:
        return 1 - regularised_beta(square / (freedom + square), 0.5, freedom / 2)
    return regularised_beta(freedom / (freedom + square), freedom / 2, 0.5)


def regularised_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function.

    It is right to 1e-11 with arguments up to 10,000, and to 1e-6 up to a million.

    Args:
        x: From 0 to 1.
        a: Above 0.
        b: Above 0.

    Formula:
        The continued fraction of Abramowitz and Stegun 26.5.8 by Lentz's method, on the side
        where it converges fast: I(x; a, b) = 1 - I(1 - x; b, a).
    """
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - regularised_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    result = d
    for m in range(1, _FRACTION_STEPS):
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away_from_zero(1 + numerator * d)
            c = _away_from_zero(1 + numerator / c)
            result *= d * c
        if abs(d * c - 1) < _ENOUGH:
            break
    return result


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def holm(probabilities: Sequence[float]) -> list[float]:
    """Return probabilities adjusted for being several, in their order.

    Formula:
        The i-th smallest of m times (m - i + 1), made non-decreasing, at most 1. Holm, A Simple
        Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics, 1979.
    """
    order = sorted(range(len(probabilities)), key=lambda at: probabilities[at])
    adjusted = [0.0] * len(order)
    highest = 0.0
    for place, at in enumerate(order):
        highest = max(highest, min((len(order) - place) * probabilities[at], 1.0))
        adjusted[at] = highest
    return adjusted


def rate_interval(hits: int, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return where a rate lies, by Wilson's score interval.

    Args:
        hits: 0 to ``count``.
        count: At least 1.
        confidence: Between 0 and 1.

    Formula:
        Wilson, Probable Inference, the Law of Succession, and Statistical Inference, Journal of
        the American Statistical Association 22, 1927.
    """
    z = normal_quantile((1 + confidence) / 2)
    rate, spread = hits / count, z * z / count
    middle = (rate + spread / 2) / (1 + spread)
    width = z * math.sqrt(rate * (1 - rate) / count + spread / (4 * count)) / (1 + spread)
    low = 0.0 if hits == 0 else max(0.0, middle - width)
    return low, 1.0 if hits == count else min(1.0, middle + width)


def rate_difference(
    one: tuple[int, int], other: tuple[int, int], confidence: float = 0.95
) -> tuple[float, float, float]:
    """Return how much higher a rate is than another, and where that difference lies.

    Args:
        one: (hits, count); a count is at least 1.
        other: (hits, count).
        confidence: Between 0 and 1.

    Formula:
        Newcombe, Interval Estimation for the Difference between Independent Proportions, 1998,
        method 10: Wilson's limits of both, combined.
    """
    first, second = one[0] / one[1], other[0] / other[1]
    first_low, first_high = rate_interval(*one, confidence)
    second_low, second_high = rate_interval(*other, confidence)
    difference = first - second
    below = math.hypot(first - first_low, second_high - second)
    above = math.hypot(first_high - first, second - second_low)
    return difference, difference - below, difference + above


def rates_two_sided(one: tuple[int, int], other: tuple[int, int]) -> float:
    """Return how likely chance alone makes two rates differ as much, both being one rate.

    Formula:
        The pooled two-proportion z test.
    """
    pooled = (one[0] + other[0]) / (one[1] + other[1])
    variance = pooled * (1 - pooled) * (1 / one[1] + 1 / other[1])
    if variance <= 0:
        return 1.0
    return normal_two_sided((one[0] / one[1] - other[0] / other[1]) / math.sqrt(variance))
