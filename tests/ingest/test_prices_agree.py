"""Our prices against genai-prices, a list that other people keep: alike, or different for a reason.

Where both know a model they agree within 2 %. Each difference stands in ``DIFFERENT`` with its
reason, and must be one: when a table changes, this list changes with it.
"""

from datetime import UTC, datetime

import pytest
from genai_prices import Usage, calc_price

from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.usage import TokenUsage

TOLERANCE = 0.02
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
MODELS = {
    ("anthropic", "anthropic"): """
        claude-opus-4-1-20250805 claude-opus-4-5 claude-opus-4-6 claude-sonnet-4-20250514
        claude-sonnet-4-5 claude-sonnet-4-5-20250929 claude-haiku-4-5 claude-3-7-sonnet-20250219
        claude-3-5-sonnet-20241022 claude-3-5-haiku-20241022
    """,
    ("openai", "openai"): """
        gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-2024-08-06 gpt-4o-mini gpt-4-turbo gpt-4
        gpt-3.5-turbo o1 o3 o3-mini o4-mini gpt-5 gpt-5-mini gpt-5-nano gpt-5.1 gpt-5.2
        gpt-4o-search-preview
    """,
    ("gcp.gemini", "google"): "gemini-2.5-pro gemini-2.5-flash gemini-2.5-flash-lite",
    ("mistral_ai", "mistral"): "mistral-large-latest mistral-small-latest codestral-latest",
    ("deepseek", "deepseek"): "deepseek-chat",
    ("moonshot_ai", "moonshotai"): "kimi-k2.5",
    ("aws.bedrock", "aws"): """
        anthropic.claude-sonnet-4-5-20250929-v1:0 amazon.nova-pro-v1:0 amazon.nova-lite-v1:0
        openai.gpt-5.4
    """,
    ("azure.ai.openai", "azure"): "text-embedding-3-small",
    ("perplexity", "perplexity"): "sonar sonar-pro",
}
PAIRS = [(*who, model) for who, models in MODELS.items() for model in models.split()]
_PAST_CONTEXT = "theirs has a price above 200,000 tokens, which by ours is all the model takes"
_LATEST = "the lists differ about which model the latest is"
_FEE = "a fee for each search or request is in theirs; we price tokens"
DIFFERENT = {
    "claude-sonnet-4-20250514": _PAST_CONTEXT,
    "claude-sonnet-4-5": _PAST_CONTEXT,
    "claude-sonnet-4-5-20250929": _PAST_CONTEXT,
    "mistral-large-latest": _LATEST,
    "codestral-latest": _LATEST,
    "deepseek-chat": _LATEST,
    "gpt-4o-search-preview": _FEE,
    "sonar": _FEE,
    "sonar-pro": _FEE,
    "anthropic.claude-sonnet-4-5-20250929-v1:0": "theirs is the price of a region, 10 % above",
    "openai.gpt-5.4": "theirs is Bedrock's, 10 % above OpenAI's; our table has only OpenAI's",
    "text-embedding-3-small": "ours is Azure's price of a region, 10 % above",
}
USAGES = {
    "short": TokenUsage(input=85_000, cache_read=20_000, cache_write=0, output=4000),
    "long": TokenUsage(input=300_000, cache_read=50_000, cache_write=0, output=4000),
}


@pytest.fixture(scope="module")
def book():
    return PriceBook()


def costs(book, provider, their_provider, model, usage):
    facts = SpanFacts(operation="chat", provider=provider, model=model, usage=usage)
    theirs = calc_price(
        Usage(
            input_tokens=usage.input_total,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output,
        ),
        model,
        provider_id=their_provider,
        genai_request_timestamp=NOON,
    )
    return book.cost_usd(facts), float(theirs.total_price)


@pytest.mark.parametrize("size", USAGES)
@pytest.mark.parametrize(("provider", "their_provider", "model"), PAIRS)
def test_both_lists_agree_but_where_a_reason_is_given(book, provider, their_provider, model, size):
    ours, theirs = costs(book, provider, their_provider, model, USAGES[size])
    assert ours is not None
    is_near = abs(ours - theirs) <= TOLERANCE * max(ours, theirs)
    assert is_near or model in DIFFERENT, (ours, theirs)


@pytest.mark.parametrize("model", DIFFERENT)
def test_each_difference_that_is_listed_is_one(book, model):
    (pair,) = [pair for pair in PAIRS if pair[2] == model]
    pairs = [costs(book, *pair, usage) for usage in USAGES.values()]
    assert any(abs(ours - theirs) > TOLERANCE * max(ours, theirs) for ours, theirs in pairs)


def test_cache_writes_cost_the_same_in_both(book):
    usage = TokenUsage(input=120, cache_read=64, cache_write=32, output=17)
    ours, theirs = costs(book, "anthropic", "anthropic", "claude-sonnet-4-5", usage)
    assert ours == pytest.approx(theirs) == pytest.approx(0.0007542)
