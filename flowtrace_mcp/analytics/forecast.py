"""What the next days will cost if they are like the last ones."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Final

# Fewer days say next to nothing of the days to come.
DAYS_LEAST: Final = 7
INTERVAL: Final = 0.8  # share of the outcomes that it should hold
_QUANTILE: Final = 1.2815515655446004  # of the normal distribution at 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A sum to come; in four of five cases it should lie between ``low`` and ``high``."""

    total: float
    low: float  # at least 0
    high: float


def forecast(daily: Sequence[float], days: int) -> Forecast | None:
    """Return the sum of days to come, None when too few have passed to say.

    Args:
        daily: Sums of past whole days, those without any included; at least 0 each.
        days: How many days to come, at least 1.

    Formula:
        n m ± t s sqrt(n + n² / k): the prediction interval of a sum of n draws, after k draws of
        mean m and standard deviation s from one distribution. Days that depend on each other, as
        weekends do, make it too narrow.
    """
    count = len(daily)
    if count < DAYS_LEAST:
        return None
    total = days * fmean(daily)
    width = student_quantile(count - 1) * math.sqrt(variance(daily) * (days + days * days / count))
    return Forecast(total=total, low=max(0.0, total - width), high=total + width)


def student_quantile(freedom: int) -> float:
    """Return the quantile at 0.9 of Student's distribution, right to 0.001 from 6 degrees on.

    Args:
        freedom: Degrees of freedom, at least 1.

    Formula:
        Cornish and Fisher's expansion, Abramowitz and Stegun, Handbook of Mathematical
        Functions, 1964, equation 26.7.5, its first three terms after the normal quantile.
    """
    z, v = _QUANTILE, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
