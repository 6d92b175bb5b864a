import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.model.price import Price, Rates, cost_at, rates_for
from flowtrace_mcp.model.usage import TokenUsage

SONNET = Rates(input=3, output=15, cache_read=0.3, cache_write=3.75, cache_write_1h=6)
PRICE = Price(
    standard=(SONNET, Rates(above_tokens=200_000, input=6, output=22.5)),
    batch=(Rates(input=1.5, output=7.5),),
)


def cost(usage, price=PRICE, service="standard", cache_write_1h=0):
    return cost_at(rates_for(price, usage.input_total, service), usage, cache_write_1h)


def test_each_of_the_four_classes_has_its_own_rate():
    usage = TokenUsage(input=120, cache_read=64, cache_write=32, output=17)
    assert cost(usage) == 0.0007542


def test_reasoning_is_a_part_of_output_and_is_not_paid_twice():
    usage = TokenUsage(input=0, output=1_000_000, reasoning=400_000)
    assert cost(usage) == 15


def test_reasoning_with_a_rate_of_its_own_is_paid_at_that_rate():
    price = Price(standard=(Rates(input=1, output=2, reasoning=8),))
    assert cost(TokenUsage(input=0, output=1_000_000, reasoning=250_000), price) == 1.5 + 2


def test_more_reasoning_than_output_is_paid_as_output():
    price = Price(standard=(Rates(input=1, output=2, reasoning=8),))
    assert cost(TokenUsage(input=0, output=1_000_000, reasoning=2_000_000), price) == 8


def test_a_cache_without_a_rate_costs_what_input_costs():
    price = Price(standard=(Rates(input=2, output=10),))
    usage = TokenUsage(input=0, cache_read=500_000, cache_write=500_000, output=0)
    assert cost(usage, price) == 2


def test_an_hour_of_cache_costs_more_for_the_part_that_is_kept_so_long():
    usage = TokenUsage(input=0, cache_write=1_000_000, output=0)
    assert cost(usage) == pytest.approx(3.75)
    assert cost(usage, cache_write_1h=400_000) == pytest.approx(0.6 * 3.75 + 0.4 * 6)
    assert cost(usage, cache_write_1h=9_000_000) == pytest.approx(6)


def test_the_whole_call_has_the_rates_of_its_tier():
    at_limit = TokenUsage(input=100_000, cache_read=100_000, output=1000)
    above = TokenUsage(input=100_001, cache_read=100_000, output=1000)
    assert cost(at_limit) == pytest.approx(0.3 + 0.03 + 0.015)
    assert cost(above) == pytest.approx(0.600006 + 0.03 + 0.0225)


def test_a_batch_costs_what_it_says_and_the_usual_where_it_is_silent():
    usage = TokenUsage(input=1_000_000, cache_read=0, output=0)
    assert cost(usage, service="batch") == 1.5
    assert rates_for(PRICE, 0, "batch").cache_read == 0.3
    assert rates_for(PRICE, 0, "priority") == rates_for(PRICE, 0)


@pytest.mark.parametrize(
    ("rates", "usage"),
    [
        (Rates(input=1), TokenUsage(input=1, output=1)),
        (Rates(output=1), TokenUsage(input=1, output=1)),
        (Rates(input=1, output=1), TokenUsage(input=1)),
        (Rates(input=1, output=1), TokenUsage(output=1)),
        (Rates(), TokenUsage(input=0, cache_read=3, output=0)),
    ],
)
def test_a_count_or_rate_that_is_not_known_makes_the_cost_unknown(rates, usage):
    assert cost_at(rates, usage) is None


def test_what_is_free_need_not_be_counted():
    assert cost_at(Rates(input=0.02, output=0), TokenUsage(input=9)) == 1.8e-07
    assert cost_at(Rates(input=0, output=0), TokenUsage(input=9, output=4)) == 0


counts = st.integers(0, 10**7)


@given(first=counts, read=counts, written=counts, output=counts)
def test_a_call_costs_what_its_classes_cost_alone(first, read, written, output):
    rates = rates_for(Price(standard=(SONNET,)), 0)
    whole = cost_at(
        rates, TokenUsage(input=first, cache_read=read, cache_write=written, output=output)
    )
    alone = [
        cost_at(rates, TokenUsage(input=first, output=0)),
        cost_at(rates, TokenUsage(input=0, output=0, cache_read=read)),
        cost_at(rates, TokenUsage(input=0, output=0, cache_write=written)),
        cost_at(rates, TokenUsage(input=0, output=output)),
    ]
    assert whole == pytest.approx(sum(alone), abs=1e-11)


@pytest.mark.parametrize("cached", [{"cache_read": 1}, {"cache_write": 1}])
def test_a_cache_that_was_used_and_has_no_known_rate_leaves_the_cost_unknown(cached):
    assert cost_at(Rates(input=1, output=1), TokenUsage(input=1, output=1, **cached), 0) is None
