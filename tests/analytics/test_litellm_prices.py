import pytest

from flowtrace_mcp.analytics.litellm_prices import prices_from
from flowtrace_mcp.model.price import Rates


def only(**entry):
    return prices_from({"m": {"litellm_provider": "p", "mode": "chat", **entry}})["m"]


def test_prices_are_per_million_tokens_without_what_binary_fractions_add():
    price = only(input_cost_per_token=4e-07, output_cost_per_token=1.6e-06)
    assert price.standard == (Rates(input=0.4, output=1.6),)
    assert price.provider == "p"


def test_each_class_of_tokens_has_its_key():
    price = only(
        input_cost_per_token=3e-06,
        output_cost_per_token=1.5e-05,
        cache_read_input_token_cost=3e-07,
        cache_creation_input_token_cost=3.75e-06,
        cache_creation_input_token_cost_above_1hr=6e-06,
        output_cost_per_reasoning_token=2e-05,
        max_input_tokens=200_000,
    )
    assert price.context_tokens == 200_000
    assert price.standard == (
        Rates(input=3, output=15, cache_read=0.3, cache_write=3.75, cache_write_1h=6, reasoning=20),
    )


def test_tiers_are_ordered_by_where_they_begin():
    price = only(
        input_cost_per_token_above_272k_tokens=3e-06,
        input_cost_per_token_above_128k_tokens=2e-06,
        input_cost_per_token=1e-06,
        cache_creation_input_token_cost_above_1hr_above_128k_tokens=9e-06,
    )
    assert price.standard == (
        Rates(input=1),
        Rates(above_tokens=128_000, input=2, cache_write_1h=9),
        Rates(above_tokens=272_000, input=3),
    )


def test_a_list_of_ranges_is_read_as_tiers():
    price = only(
        tiered_pricing=[
            {"range": [0, 256000.0], "input_cost_per_token": 5e-08, "output_cost_per_token": 4e-07},
            {"range": [256000.0, 1e6], "input_cost_per_token": 2.5e-07},
        ]
    )
    assert price.standard == (
        Rates(input=0.05, output=0.4),
        Rates(above_tokens=256_000, input=0.25),
    )


def test_services_have_lists_of_their_own():
    price = only(
        input_cost_per_token=2e-06,
        input_cost_per_token_batches=1e-06,
        input_cost_per_token_above_200k_tokens_batches=1.5e-06,
        output_cost_per_token_flex=3e-06,
        output_cost_per_token_priority=4e-06,
    )
    assert price.batch == (Rates(input=1), Rates(above_tokens=200_000, input=1.5))
    assert (price.flex, price.priority) == ((Rates(output=3),), (Rates(output=4),))


def test_an_hour_of_cache_in_a_batch_is_cheaper_by_as_much_as_a_cache():
    price = only(
        input_cost_per_token=3e-06,
        cache_creation_input_token_cost=3.75e-06,
        cache_creation_input_token_cost_above_1hr=6e-06,
        cache_creation_input_token_cost_batches=1.875e-06,
    )
    assert price.batch == (Rates(cache_write=1.875, cache_write_1h=3),)


def test_embeddings_have_no_output_to_pay_for():
    assert only(mode="embedding", input_cost_per_token=2e-08).standard == (
        Rates(input=0.02, output=0),
    )


@pytest.mark.parametrize(
    "entry",
    [
        {"mode": "image_generation", "input_cost_per_token": 1e-06},
        {"mode": "chat", "output_cost_per_token": 1e-06},
        {"mode": "chat", "input_cost_per_token": True},
        {"mode": "chat", "input_cost_per_token": -1},
        {"mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0.0},
        "no entry",
    ],
)
def test_what_is_no_price_per_token_is_left_out(entry):
    assert prices_from({"m": entry}) == {}


def test_nothing_is_free_but_local_models_and_those_that_say_so_in_their_name():
    free = {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0}
    found = prices_from(
        {
            "ollama/llama3": {"litellm_provider": "ollama", **free},
            "openrouter/x:free": {"litellm_provider": "openrouter", **free},
            "sagemaker/llama": {"litellm_provider": "sagemaker", **free},
            "sample_spec": {"litellm_provider": "ollama", **free},
        }
    )
    assert set(found) == {"ollama/llama3", "openrouter/x:free"}
