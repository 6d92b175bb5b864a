"""Whether a window of time is unlike those before it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final, Literal

from flowtrace_mcp.analytics.distributions import student_two_sided

BASELINE_WINDOWS: Final = 7
# A window with nothing in it says nothing; fewer that say something are no baseline.
WINDOWS_LEAST: Final = 4
# Iglewicz and Hoaglin's own limit for the modified z-score.
Z_LEAST: Final = 3.5
CHANGE_LEAST: Final = 0.2
Graveness = Literal["low", "medium", "high", "critical"]
_GRAVENESS: Final[tuple[tuple[float, Graveness], ...]] = (
    (20.0, "critical"),
    (10.0, "high"),
    (6.0, "medium"),
    (0.0, "low"),
)
_MAD_TO_DEVIATION: Final = 1.4826


@dataclass(frozen=True, slots=True, kw_only=True)
class Anomaly:
    """A value beside those of the windows before it."""

    value: float
    median: float  # of the windows before
    z: float  # how many deviations above it, below 0 where it lies below
    confidence: float  # 0 to 1

    @property
    def change(self) -> float:
        """Return by what share the value differs, infinity where there was nothing before."""
        if self.median == 0:
            return math.inf
        return (self.value - self.median) / self.median


def find_anomaly(
    value: float, before: Sequence[float], least_deviation: float = 0.0
) -> Anomaly | None:
    """Return how a value is unlike those before it, None where it is not.

    Args:
        value: Of the window that is looked at.
        before: Of the windows before it that say anything.
        least_deviation: What chance alone makes of it, however alike the others were.

    Formula:
        z = (x - median) / s with s = 1.4826 MAD, at least ``least_deviation``: Iglewicz and
        Hoaglin, How to Detect and Handle Outliers, 1993, where |z| > 3.5 is one. The confidence is
        1 - P(|t| >= z / sqrt(1 + 1 / n)) of Student's distribution with n - 1 degrees of freedom,
        as if windows were draws from one normal distribution.
    """
    if len(before) < WINDOWS_LEAST:
        return None
    middle = median(before)
    deviation = _MAD_TO_DEVIATION * median(abs(one - middle) for one in before)
    deviation = max(deviation, least_deviation)
    if deviation <= 0:
        return None
    count = len(before)
    z = (value - middle) / deviation
    probability = student_two_sided(z / math.sqrt(1 + 1 / count), count - 1)
    found = Anomaly(value=value, median=middle, z=z, confidence=1 - probability)
    is_one = abs(z) > Z_LEAST and abs(found.change) >= CHANGE_LEAST
    return found if is_one else None


def severity_of(z: float) -> Graveness:
    """Return how grave it is to be so many deviations off."""
    return next(word for least, word in _GRAVENESS if abs(z) >= least)
