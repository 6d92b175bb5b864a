from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.span_facts import SpanFacts, SpanTexts


def test_a_span_that_says_nothing_claims_nothing() -> None:
    facts = SpanFacts()

    assert facts.span_type is SpanType.CUSTOM
    assert facts.usage is None
    assert facts.cost_usd is None
    assert not facts.is_aggregate
    assert SpanTexts().requested_tools == ()
