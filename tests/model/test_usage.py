from hypothesis import given

from flowtrace_mcp.model.usage import TokenUsage
from tests.strategies import token_usages


@given(token_usages(), token_usages())
def test_totals_of_a_sum_are_sums_of_totals(left: TokenUsage, right: TokenUsage) -> None:
    both = left + right

    assert both.input_total == left.input_total + right.input_total
    assert both.total == left.total + right.total


@given(token_usages(), token_usages(), token_usages())
def test_the_order_of_addition_does_not_matter(a: TokenUsage, b: TokenUsage, c: TokenUsage) -> None:
    assert a + b == b + a
    assert (a + b) + c == a + (b + c)


@given(token_usages())
def test_adding_an_unknown_usage_changes_nothing(usage: TokenUsage) -> None:
    assert usage + TokenUsage() == usage


@given(token_usages(), token_usages())
def test_unknown_plus_known_is_known(left: TokenUsage, right: TokenUsage) -> None:
    assert (left + right).is_known == (left.is_known or right.is_known)


def test_a_silent_source_is_unknown_and_a_count_of_zero_is_known() -> None:
    assert not TokenUsage().is_known
    assert TokenUsage(output=0).is_known
    assert TokenUsage(reasoning=5).is_known


def test_totals_count_the_cache_and_count_reasoning_once() -> None:
    usage = TokenUsage(input=1, cache_read=20, cache_write=300, output=4000, reasoning=3000)

    assert usage.input_total == 321
    assert usage.total == 4321
