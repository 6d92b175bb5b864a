"""Windows unlike those before them, and how often a quiet one is called so."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.anomalies import (
    BASELINE_WINDOWS,
    CHANGE_LEAST,
    WINDOWS_LEAST,
    Z_LEAST,
    find_anomaly,
    severity_of,
)

QUIET = (100.0, 104.0, 98.0, 101.0, 99.0, 103.0, 97.0)


def test_a_value_far_off_is_an_anomaly_with_its_measure():
    found = find_anomaly(150.0, QUIET)

    assert found is not None
    assert found.median == 100.0
    assert found.z == pytest.approx(50 / (1.4826 * 2))
    assert found.change == pytest.approx(0.5)
    assert found.confidence > 0.99


def test_below_counts_as_above():
    found = find_anomaly(10.0, QUIET)
    assert found is not None
    assert found.z < -Z_LEAST


@pytest.mark.parametrize(
    ("value", "before", "least"),
    [
        (103.0, QUIET, 0.0),  # within what is usual
        (119.0, QUIET, 0.0),  # far for them, and yet no fifth more
        (150.0, QUIET, 20.0),  # chance makes as much
        (150.0, QUIET[: WINDOWS_LEAST - 1], 0.0),
        (150.0, (100.0,) * 7, 0.0),  # nothing is known of chance
    ],
)
def test_what_is_no_anomaly(value, before, least):
    assert find_anomaly(value, before, least) is None


def test_what_came_from_nothing_is_all_new():
    found = find_anomaly(9.0, (0.0,) * 7, 1.0)
    assert found is not None
    assert found.change == math.inf


@given(
    st.floats(0, 1e6),
    st.lists(st.floats(0, 1e6), min_size=WINDOWS_LEAST, max_size=12),
    st.floats(0.01, 100),
)
def test_an_anomaly_is_far_off_and_a_fifth_away(value, before, least):
    found = find_anomaly(value, before, least)

    if found is not None:
        assert abs(found.z) > Z_LEAST
        assert abs(found.change) >= CHANGE_LEAST
        assert 0 <= found.confidence <= 1


def test_quiet_windows_are_seldom_called_unlike():
    """Counts of a steady stream of a hundred an hour: at most one window in fifty."""
    chance = random.Random(5)
    trials, found = 2_000, 0
    for _ in range(trials):
        counts = [max(chance.gauss(100, 10), 0.0) for _ in range(BASELINE_WINDOWS + 1)]
        found += find_anomaly(counts[0], counts[1:], math.sqrt(100)) is not None
    assert found / trials < 0.02


def test_the_further_off_the_graver():
    assert [severity_of(z) for z in (4.0, -7.0, 12.0, -25.0)] == [
        "low",
        "medium",
        "high",
        "critical",
    ]
