import gzip

import pytest

from flowtrace_mcp.ingest import price_book
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.price_files import (
    CUSTOM_NAME,
    UPDATED_NAME,
    PriceFile,
    read_file,
    write_file,
)
from flowtrace_mcp.model.price import Price, Rates
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.usage import TokenUsage

USAGE = TokenUsage(input=1_000_000, output=0)


def call(model, provider="", **more):
    facts = {"operation": "chat", "usage": USAGE} | more
    return SpanFacts(provider=provider, model=model, **facts)


def own(**input_rates):
    return PriceFile(
        models={
            name.replace("_", "-"): Price(standard=(Rates(input=rate, output=rate),))
            for name, rate in input_rates.items()
        }
    )


@pytest.fixture
def book(tmp_path):
    return PriceBook(tmp_path)


def test_the_packaged_table_knows_the_models_of_the_day(book):
    level, table = book.table
    assert (level, table.date[:2]) == ("packaged", "20")
    assert len(table.models) > 3000
    usage = TokenUsage(input=120, cache_read=64, cache_write=32, output=17)
    assert book.cost_usd(call("claude-sonnet-4-5", "anthropic", usage=usage)) == 0.0007542


def test_a_price_of_ones_own_stands_above_the_table(book, tmp_path):
    write_file(tmp_path / CUSTOM_NAME, own(gpt_4o=7))
    assert book.cost_usd(call("gpt-4o-2024-08-06", "openai")) == 7
    found = book.find("openai", "gpt-4o")
    assert (found.level, found.name) == ("custom", "gpt-4o")


def test_a_changed_file_is_heeded_at_the_next_batch(book, tmp_path):
    before = book.version
    assert book.cost_usd(call("new-model")) is None
    write_file(tmp_path / CUSTOM_NAME, own(new_model=1))
    book.refresh()
    assert book.cost_usd(call("new-model")) == 1
    assert book.version != before


def test_an_updated_table_takes_the_place_of_the_packaged_one(book, tmp_path):
    write_file(tmp_path / UPDATED_NAME, own(only_this=2))
    assert book.table[0] == "updated"
    assert book.find("openai", "gpt-4o") is None
    assert book.cost_usd(call("only-this")) == 2


@pytest.mark.parametrize("name", [CUSTOM_NAME, UPDATED_NAME])
@pytest.mark.parametrize(
    "data", [b"no json", b'{"models":{"gpt-4o":{"standard":[{"input":"much"}]}}}']
)
def test_a_damaged_file_is_passed_over_and_told(book, tmp_path, name, data):
    is_packed = name.endswith(".gz") and data != b"no json"
    (tmp_path / name).write_bytes(gzip.compress(data) if is_packed else data)
    assert book.find("openai", "gpt-4o").level == "packaged"
    assert name in str(book.problem)


def test_a_damaged_file_leaves_the_other_in_use(book, tmp_path):
    (tmp_path / CUSTOM_NAME).write_bytes(b"no json")
    write_file(tmp_path / UPDATED_NAME, own(only_this=2))
    assert book.cost_usd(call("only-this")) == 2
    assert CUSTOM_NAME in str(book.problem)


def test_the_model_that_was_asked_for_has_a_price_when_the_one_that_answered_has_none(book):
    facts = call("deployment-7", "openai", request_model="gpt-4o")
    assert book.cost_usd(facts) == book.cost_usd(call("gpt-4o", "openai"))


def test_a_call_without_a_model_has_that_of_the_span_above(book):
    assert book.cost_usd(call("")) is None
    assert book.cost_usd(call(""), model="gpt-4o", provider="openai") == 2.5


def test_a_batch_costs_half_where_the_sender_tells(book):
    usual, batch = call("gpt-4o", "openai"), call("gpt-4o", "openai", service_tier="batch")
    assert book.cost_usd(batch) == book.cost_usd(usual) / 2
    assert book.cost_usd(call("gpt-4o", "openai", service_tier="default")) == book.cost_usd(usual)


def test_long_calls_have_the_rates_of_their_tier(book):
    short = call("gemini-2.5-pro", "gcp.gemini", usage=TokenUsage(input=200_000, output=0))
    long = call("gemini-2.5-pro", "gcp.gemini", usage=TokenUsage(input=400_000, output=0))
    assert book.cost_usd(long) == 4 * book.cost_usd(short)


@pytest.mark.parametrize(
    "more",
    [{"usage": None}, {"is_aggregate": True}, {"operation": "invoke_agent"}, {"operation": ""}],
)
def test_only_a_model_call_that_tells_its_usage_has_a_price(book, more):
    assert book.cost_usd(call("gpt-4o", "openai", **more)) is None


def test_as_many_models_as_one_likes_can_be_asked_for(book):
    for number in range(5000):
        assert book.cost_usd(call(f"no-model-{number}")) is None
    assert book.cost_usd(call("gpt-4o", "openai")) == 2.5


def test_a_file_is_read_back_as_it_was_written(tmp_path):
    for name in (CUSTOM_NAME, UPDATED_NAME):
        write_file(tmp_path / "folder" / name, own(some_model=3))
        assert read_file(tmp_path / "folder" / name) == own(some_model=3)
    assert {path.name for path in (tmp_path / "folder").iterdir()} == {CUSTOM_NAME, UPDATED_NAME}


def test_nothing_is_read_before_a_question_that_needs_it(book, monkeypatch):
    read = []
    monkeypatch.setattr(price_book, "read_table", lambda path, **_: read.append(path))

    book.refresh()
    assert book.version == book.version
    assert book.cost_usd(SpanFacts(operation="execute_tool")) is None

    assert read == []
