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
    for name in TokenUsage.__struct_fields__:
        counts = [getattr(one, name) for one in (left, right, left + right)]
        known = [count for count in counts[:2] if count is not None]
        assert counts[2] == (sum(known) if known else None)


def test_totals_count_the_cache_and_count_reasoning_once() -> None:
    usage = TokenUsage(input=1, cache_read=20, cache_write=300, output=4000, reasoning=3000)

    assert usage.input_total == 321
    assert usage.total == 4321
