import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.ingest.conventions import concepts_of
from flowtrace_mcp.ingest.token_counts import Counts, counts_of_object, token_count, usage_of
from flowtrace_mcp.model.usage import TokenUsage

CALL = TokenUsage(input=56, cache_read=64, output=17, reasoning=5)
ANTHROPIC = TokenUsage(input=120, cache_read=64, cache_write=32, output=17)
counts = st.none() | st.integers(0, 10**6)


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (0, 0),
        (17, 17),
        ("17", 17),
        (17.0, 17),
        (17.5, None),
        (-1, None),
        ("", None),
        ("-1", None),
        ("many", None),
        ("9" * 5000, None),
        ("²", None),
        (10**15, None),
        (True, None),
        (None, None),
        (float("nan"), None),
        ([17], None),
    ],
)
def test_a_count_is_a_whole_number_that_can_be_one(value, count):
    assert token_count(value) == count


@given(counts, counts, counts, counts, counts)
def test_classes_add_up_to_what_an_inclusive_source_says(total, read, written, output, reasoning):
    usage = Counts(
        input=total, cache_read=read, cache_write=written, output=output, reasoning=reasoning
    ).usage()
    if usage is None:
        assert total is read is written is output is None
    elif total is not None and (read or 0) + (written or 0) <= total:
        assert usage.input_total == total
    assert usage is None or (usage.reasoning or 0) <= (usage.output or usage.reasoning or 0)


@pytest.mark.parametrize(
    ("sent", "usage"),
    [
        pytest.param(
            {
                "prompt_tokens": 120,
                "completion_tokens": 17,
                "total_tokens": 137,
                "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": None},
                "completion_tokens_details": {"reasoning_tokens": 5},
            },
            CALL,
            id="openai-chat",
        ),
        pytest.param(
            {
                "prompt_tokens": 120,
                "completion_tokens": 17,
                "prompt_tokens_details.cached_tokens": 64,
                "completion_tokens_details.reasoning_tokens": 5,
            },
            CALL,
            id="openai-chat-flat",
        ),
        pytest.param(
            {
                "input_tokens": 120,
                "output_tokens": 17,
                "input_tokens_details": {"cached_tokens": 64},
                "output_tokens_details": {"reasoning_tokens": 5},
            },
            CALL,
            id="openai-responses",
        ),
        pytest.param(
            {
                "input_tokens": 120,
                "output_tokens": 17,
                "cache_read_input_tokens": 64,
                "cache_creation_input_tokens": 32,
            },
            ANTHROPIC,
            id="anthropic",
        ),
        pytest.param(
            {
                "input": 120,
                "output": 17,
                "cache_read_input_tokens": 64,
                "cache_creation_input_tokens": 32,
                "total": 233,
            },
            ANTHROPIC,
            id="langfuse",
        ),
        pytest.param(
            {"input": 56, "output": 17, "input_cache_read": 64, "output_reasoning": 5},
            CALL,
            id="langfuse-langchain",
        ),
        pytest.param(
            {
                "promptTokenCount": 120,
                "candidatesTokenCount": 12,
                "cachedContentTokenCount": 64,
                "thoughtsTokenCount": 5,
            },
            CALL,
            id="gemini",
        ),
        pytest.param({}, None, id="empty"),
    ],
)
def test_usage_objects_of_every_source_give_the_same_classes(sent, usage):
    assert counts_of_object(sent).usage() == usage
    assert counts_of_object(json.dumps(sent)).usage() == usage
    assert counts_of_object(repr(sent)).usage() == usage


@pytest.mark.parametrize("sent", ["", "[1]", "{", "[" * 10_000, "x" * 20_000, 5, None, b"{}"])
def test_what_is_no_usage_object_holds_no_counts(sent):
    assert counts_of_object(sent).usage() is None


def usage(**attributes):
    return usage_of(concepts_of({key.replace("__", "."): v for key, v in attributes.items()}))


def test_input_that_is_smaller_than_its_cache_leaves_the_cache_out():
    assert usage(
        gen_ai__usage__input_tokens=20,
        gen_ai__usage__output_tokens=17,
        gen_ai__usage__cache_read_input_tokens=64,
        gen_ai__usage__cache_creation_input_tokens=32,
    ) == TokenUsage(input=20, cache_read=64, cache_write=32, output=17)


def test_plain_names_leave_the_cache_out():
    assert (
        usage(input_tokens=120, output_tokens=17, cache_read_tokens=64, cache_creation_tokens=32)
        == ANTHROPIC
    )


def test_reasoning_larger_than_the_output_stands_beside_it():
    assert usage(
        gen_ai__usage__output_tokens=3, gen_ai__usage__reasoning__output_tokens=40
    ) == TokenUsage(output=43, reasoning=40)


def test_what_attributes_leave_out_is_filled_from_the_usage_object():
    assert (
        usage(
            gen_ai__usage__input_tokens="120",
            gen_ai__usage__output_tokens="17",
            metadata__usage_object="{'prompt_tokens': 120, 'prompt_tokens_details':"
            " {'cached_tokens': 64, 'audio_tokens': None},"
            " 'completion_tokens_details': {'reasoning_tokens': 5}}",
        )
        == CALL
    )


def test_unknown_is_never_zero():
    assert usage(gen_ai__usage__output_tokens=0) == TokenUsage(output=0)
    assert usage(gen_ai__request__model="m") is None
    assert usage(gen_ai__usage__input_tokens="unknown") is None
