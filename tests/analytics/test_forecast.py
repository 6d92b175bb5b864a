import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.forecast import DAYS_LEAST, forecast, student_quantile


def test_too_few_days_say_nothing():
    assert forecast([1.0] * (DAYS_LEAST - 1), 30) is None


def test_equal_days_go_on_equally():
    found = forecast([2.5] * 10, 30)

    assert (found.low, found.total, found.high) == (75.0, 75.0, 75.0)


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(6, 1.440), (9, 1.383), (27, 1.314), (1000, 1.282)]
)
def test_the_quantile_is_that_of_the_tables(freedom, quantile):
    assert student_quantile(freedom) == pytest.approx(quantile, abs=0.001)


@given(
    daily=st.lists(st.floats(0, 1e6), min_size=DAYS_LEAST, max_size=60), days=st.integers(1, 366)
)
def test_the_forecast_lies_in_its_interval_and_nothing_costs_less_than_nothing(daily, days):
    found = forecast(daily, days)

    assert 0 <= found.low <= found.total <= found.high


def test_four_of_five_sums_lie_in_the_interval():
    chance = random.Random(1)
    held = 0
    for _ in range(2000):
        past, to_come = ([chance.expovariate(0.5) for _ in range(n)] for n in (28, 30))
        found = forecast(past, 30)
        held += found.low <= sum(to_come) <= found.high

    assert held / 2000 == pytest.approx(0.8, abs=0.03)
