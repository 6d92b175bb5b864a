"""Probabilities and intervals, against tables, closed forms and each other."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.distributions import (
    holm,
    normal_quantile,
    normal_two_sided,
    rate_difference,
    rate_interval,
    rates_two_sided,
    regularised_beta,
    student_two_sided,
)

shares = st.floats(0.0, 1.0)
counts = st.integers(1, 10_000)


@pytest.mark.parametrize(
    ("t", "freedom", "probability"),
    [
        # Abramowitz and Stegun, table 26.10, two-sided.
        (12.706, 1, 0.05),
        (2.228, 10, 0.05),
        (3.169, 10, 0.01),
        (2.042, 30, 0.05),
        (1.98, 120, 0.05),
        (0.0, 5, 1.0),
    ],
)
def test_students_distribution_is_that_of_the_tables(t, freedom, probability):
    assert student_two_sided(t, freedom) == pytest.approx(probability, abs=2e-4)


@given(st.floats(-50, 50), st.integers(1, 3))
def test_few_degrees_of_freedom_have_closed_forms(t, freedom):
    closed = {
        1: 1 - 2 / math.pi * math.atan(abs(t)),
        2: 1 - abs(t) / math.sqrt(2 + t * t),
        3: 1
        - 2 / math.pi * (math.atan(abs(t) / math.sqrt(3)) + abs(t) * math.sqrt(3) / (3 + t * t)),
    }
    assert student_two_sided(t, freedom) == pytest.approx(closed[freedom], abs=1e-11)


@given(st.floats(-6, 6))
def test_many_degrees_of_freedom_are_normal(z):
    assert student_two_sided(z, 1e7) == pytest.approx(normal_two_sided(z), abs=1e-5)


def test_an_infinite_value_is_never_reached():
    assert student_two_sided(math.inf, 4) == 0.0


@given(shares, st.floats(0.1, 50), st.floats(0.1, 50))
def test_the_beta_function_is_its_mirror(x, a, b):
    assert regularised_beta(x, a, b) == pytest.approx(1 - regularised_beta(1 - x, b, a), abs=1e-9)


def test_the_beta_function_ends_however_large_its_arguments_are():
    assert regularised_beta(0.5, 1e6, 1e6) == pytest.approx(0.5, abs=1e-6)


@given(st.floats(0.001, 0.999))
def test_a_quantile_is_the_value_of_its_share(share):
    z = normal_quantile(share)
    assert normal_two_sided(z) == pytest.approx(2 * min(share, 1 - share), abs=1e-9)


def test_holm_adjusts_as_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(shares, max_size=20))
def test_adjusted_probabilities_are_larger_and_keep_their_order(probabilities):
    adjusted = holm(probabilities)

    assert all(p <= q <= 1 for p, q in zip(probabilities, adjusted, strict=True))
    paired = sorted(zip(probabilities, adjusted, strict=True))
    assert [q for _, q in paired] == sorted(adjusted)


@given(counts, st.data())
def test_a_rate_lies_in_its_interval(count, data):
    hits = data.draw(st.integers(0, count))

    low, high = rate_interval(hits, count)

    assert 0 <= low <= hits / count <= high <= 1


def test_intervals_are_those_of_newcombes_paper():
    # Newcombe 1998, table II: 56/70 less 48/80, and 0/10 less 0/10, method 10.
    difference, low, high = rate_difference((56, 70), (48, 80))
    assert (difference, low, high) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert rate_difference((0, 10), (0, 10)) == pytest.approx((0.0, -0.2775, 0.2775), abs=1e-4)


def test_rates_that_are_one_do_not_differ():
    assert rates_two_sided((0, 10), (0, 20)) == 1.0
    assert rates_two_sided((10, 10), (5, 5)) == 1.0
    assert rates_two_sided((50, 100), (20, 100)) == pytest.approx(8.6e-6, rel=0.05)
