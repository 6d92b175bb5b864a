import pytest

from flowtrace_mcp.analytics.price_lookup import PriceNames

TABLE = dict.fromkeys(
    (
        "gpt-4.1-mini",
        "gpt-4o",
        "gpt-4o-2024-08-06",
        "azure/gpt-4o",
        "claude-sonnet-4-5",
        "claude-sonnet-4-5-20250929",
        "claude-haiku-3-20240101",
        "claude-haiku-3-20250202",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "vertex_ai/claude-sonnet-4-5@20250929",
        "anthropic.claude-opus-4-20250514-v1:0",
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "vertex_ai/claude-3-haiku",
        "gemini-2.5-pro",
        "gemini/gemini-2.5-pro",
        "mistral/mistral-large-latest",
        "xai/grok-4",
        "ollama/llama3",
        "together_ai/meta-llama/Llama-3.3-70B",
        "groq/llama-3.3-70b",
    )
)


@pytest.mark.parametrize(
    ("provider", "model", "name"),
    [
        # as sent, in any case
        ("openai", "gpt-4.1-mini", "gpt-4.1-mini"),
        ("", "GPT-4.1-mini ", "gpt-4.1-mini"),
        ("openai", "gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        # the provider's own price before another's
        ("azure.ai.openai", "gpt-4o", "azure/gpt-4o"),
        ("azure.ai.openai", "gpt-4o-2024-08-06", "azure/gpt-4o"),
        ("azure.ai.openai", "gpt-4.1-mini", "gpt-4.1-mini"),
        ("gcp.gemini", "gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "gemini-2.5-pro"),
        ("together", "meta-llama/Llama-3.3-70B", "together_ai/meta-llama/Llama-3.3-70B"),
        # dates, versions, "latest"
        ("openai", "gpt-4.1-mini-2026-01-01", "gpt-4.1-mini"),
        ("anthropic", "claude-sonnet-4-5-20991231", "claude-sonnet-4-5"),
        ("anthropic", "claude-sonnet-4-5-latest", "claude-sonnet-4-5"),
        ("anthropic", "claude-haiku-3", "claude-haiku-3-20250202"),
        ("anthropic", "claude-haiku-3-latest", "claude-haiku-3-20250202"),
        ("anthropic", "claude-sonnet-4-5[1m]", "claude-sonnet-4-5"),
        ("mistral_ai", "mistral-large-2612", "mistral/mistral-large-latest"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@20250929", "vertex_ai/claude-sonnet-4-5@20250929"),
        ("gcp.vertex_ai", "claude-sonnet-4-5@default", "vertex_ai/claude-sonnet-4-5@20250929"),
        # retired models of Anthropic under the names of those who sell them at its price
        ("anthropic", "claude-opus-4-0", "anthropic.claude-opus-4-20250514-v1:0"),
        ("", "claude-3-5-sonnet-latest", "anthropic.claude-3-5-sonnet-20241022-v2:0"),
        ("anthropic", "claude-3-haiku-20240307", "vertex_ai/claude-3-haiku"),
        # a region's own price before the price of the model
        (
            "aws.bedrock",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "aws.bedrock",
            "eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        (
            "aws.bedrock",
            "arn:aws:bedrock:us-east-1:1:profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        ),
        ("aws.bedrock", "us.anthropic.claude-haiku-3-20990101-v1:0", "claude-haiku-3-20250202"),
        # gateways and makers
        ("", "openrouter/anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("openrouter", "x-ai/grok-4", "xai/grok-4"),
        ("vercel", "openai/gpt-4o", "gpt-4o"),
        ("", "bedrock/us-east-1/anthropic.claude-sonnet-4-5-20250929-v1:0", None),
        ("", "azure/gpt-4.1-mini", "gpt-4.1-mini"),
        ("gcp.gemini", "models/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("litellm", "gpt-4o", "gpt-4o"),
        # local models
        ("ollama", "llama3", "ollama/llama3"),
        ("", "ollama/llama3", "ollama/llama3"),
    ],
)
def test_a_model_is_found_under_the_names_that_senders_give_it(provider, model, name):
    wanted = name or "anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert PriceNames(TABLE).find(provider, model) == wanted


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai", "boom-1"),
        ("gcp.gemini", "gemini-fake"),
        ("openai", ""),
        # "latest" is of another model when nobody asked for it
        ("mistral_ai", "mistral-large"),
        # free on one's own machine, and nowhere else
        ("openai", "llama3"),
        ("", "llama3"),
        # what costs money elsewhere has no price here
        ("ollama", "gpt-4o"),
        ("ollama", "openai/gpt-4o"),
        ("vllm", "gpt-4o"),
        # another host's price is not this host's
        ("groq", "gpt-4o"),
        ("together", "llama-3.3-70b"),
        ("", "elsewhere/gpt-4o"),
        ("", "arn:aws:bedrock:us-east-1"),
    ],
)
def test_a_price_is_not_guessed(provider, model):
    assert PriceNames(TABLE).find(provider, model) is None


def test_a_name_in_ones_own_table_holds_for_every_provider():
    own = PriceNames({"llama3": None, "groq/gpt-4o": None}, is_own=True)
    assert own.find("ollama", "llama3") == "llama3"
    assert own.find("groq", "gpt-4o-2024-08-06") == "groq/gpt-4o"
    assert own.find("openai", "gpt-4o") is None


def test_a_very_long_name_is_looked_up_in_bounded_time():
    assert PriceNames(TABLE).find("", "us/" * 100_000 + "gpt-4o") is None
