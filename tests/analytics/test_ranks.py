"""Rank tests against brute force: all pairs, all orders."""

import itertools
import math
import random
from statistics import fmean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.ranks import (
    POINTS_LEAST,
    mann_kendall,
    nth_difference,
    ranks_of,
    shift_between,
    spearman,
)

# Few different values make ties, which the tests must weather.
coarse = st.integers(-5, 5).map(float)
fine = st.floats(-1e6, 1e6, allow_subnormal=False)
values = st.one_of(coarse, fine)
series = st.lists(values, min_size=POINTS_LEAST, max_size=25)
groups = st.lists(values, min_size=1, max_size=20)


@given(st.lists(values, max_size=30))
def test_a_rank_counts_what_is_below_and_half_of_what_is_equal(found):
    assert ranks_of(found) == [
        sum(other < one for other in found) + (sum(other == one for other in found) + 1) / 2
        for one in found
    ]


@given(series)
def test_a_trend_is_the_balance_of_all_pairs(found):
    trend = mann_kendall(found)

    pairs = list(itertools.combinations(found, 2))
    balance = sum(later > earlier for earlier, later in pairs) - sum(
        later < earlier for earlier, later in pairs
    )
    slopes = [
        (found[j] - found[i]) / (j - i) for i, j in itertools.combinations(range(len(found)), 2)
    ]
    assert trend.tau == pytest.approx(balance / len(pairs))
    assert trend.slope == pytest.approx(median(slopes))
    assert 0 <= trend.probability <= 1


@given(series)
def test_a_trend_turned_round_is_the_opposite(found):
    forth, back = mann_kendall(found), mann_kendall(found[::-1])

    assert forth.tau == pytest.approx(-back.tau)
    assert forth.probability == pytest.approx(back.probability)


@pytest.mark.parametrize("found", [[1, 2, 4, 3, 6, 5, 8, 7], [2, 1, 3, 1, 2, 3, 1, 2]])
def test_the_probability_of_a_trend_is_near_that_of_all_orders(found):
    """Hold the normal approximation against all 40,320 orders of eight values."""
    trend = mann_kendall([float(one) for one in found])

    def balance(order):
        return sum((b > a) - (b < a) for a, b in itertools.combinations(order, 2))

    here = abs(balance(found))
    orders = list(itertools.permutations(found))
    exact = fmean(abs(balance(order)) >= here for order in orders)
    assert trend.probability == pytest.approx(exact, abs=0.03)


def test_a_trend_is_found_by_chance_as_often_as_said():
    chance = random.Random(7)
    trials = 2_000
    found = sum(
        mann_kendall([chance.gauss(0, 1) for _ in range(14)]).probability < 0.05
        for _ in range(trials)
    )
    assert found / trials == pytest.approx(0.05, abs=0.015)


def test_too_few_points_have_neither_trend_nor_correlation():
    few = [float(one) for one in range(POINTS_LEAST - 1)]
    assert mann_kendall(few) is None
    assert spearman(few, few) is None
    assert spearman([1.0] * POINTS_LEAST, [*few, 9.0]) is None
    assert spearman([*few, 9.0], [1.0] * POINTS_LEAST) is None
    assert mann_kendall([1.0] * POINTS_LEAST).probability == 1.0


def pearson(xs, ys):
    mean_x, mean_y = fmean(xs), fmean(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / math.sqrt(
        sum((x - mean_x) ** 2 for x in xs) * sum((y - mean_y) ** 2 for y in ys)
    )


@given(st.lists(st.tuples(values, values), min_size=POINTS_LEAST, max_size=25))
def test_a_correlation_is_pearsons_of_the_ranks(pairs):
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]

    found = spearman(xs, ys)

    if found is None:
        assert len(set(xs)) == 1 or len(set(ys)) == 1
        return
    assert found.rho == pytest.approx(pearson(ranks_of(xs), ranks_of(ys)))
    assert found.probability == pytest.approx(spearman(ys, xs).probability)


def test_what_rises_together_goes_together_surely():
    rising = [float(one) for one in range(20)]
    assert spearman(rising, [one**3 for one in rising]).rho == 1.0
    assert spearman(rising, [one**3 for one in rising]).probability == 0.0


def test_a_correlation_is_found_by_chance_as_often_as_said():
    chance = random.Random(11)
    trials = 2_000
    found = sum(
        spearman(
            [chance.random() for _ in range(15)], [chance.random() for _ in range(15)]
        ).probability
        < 0.05
        for _ in range(trials)
    )
    assert found / trials == pytest.approx(0.05, abs=0.015)


@given(groups, groups, st.data())
def test_the_nth_difference_is_that_of_all_pairs(one, other, data):
    differences = sorted(x - y for x in one for y in other)
    place = data.draw(st.integers(1, len(differences)))

    found = nth_difference(sorted(one), sorted(other), place)

    assert found == pytest.approx(differences[place - 1], rel=1e-12, abs=1e-9)


@given(groups, groups)
def test_a_shift_is_the_median_of_all_differences(one, other):
    found = shift_between(one, other)

    differences = [x - y for x in one for y in other]
    above = sum((x > y) + (x == y) / 2 for x in one for y in other)
    assert found.shift == pytest.approx(median(differences), rel=1e-9, abs=1e-8)
    assert found.superiority == pytest.approx(above / len(differences))
    assert found.low <= found.shift + 1e-6
    assert found.shift <= found.high + 1e-6
    back = shift_between(other, one)
    assert back.shift == pytest.approx(-found.shift, rel=1e-9, abs=1e-8)
    assert back.probability == pytest.approx(found.probability)


def test_groups_that_are_one_value_do_not_differ():
    found = shift_between([2.0, 2.0], [2.0])
    assert (found.shift, found.probability, found.superiority) == (0.0, 1.0, 0.5)
    assert shift_between([2.0], [1.0]).shift == 1.0


def test_the_interval_of_a_shift_holds_it_as_often_as_said():
    chance = random.Random(13)
    trials, held, rejected = 600, 0, 0
    for _ in range(trials):
        one = [math.exp(chance.gauss(0, 1)) + 0.5 for _ in range(25)]
        other = [math.exp(chance.gauss(0, 1)) for _ in range(35)]
        found = shift_between(one, other)
        held += found.low <= 0.5 <= found.high
        rejected += shift_between([x - 0.5 for x in one], other).probability < 0.05
    assert held / trials == pytest.approx(0.95, abs=0.025)
    assert rejected / trials == pytest.approx(0.05, abs=0.025)
