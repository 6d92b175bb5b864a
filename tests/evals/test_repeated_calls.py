import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.evals.repeated_calls import (
    CYCLE_MOST_CALLS,
    LOOP_LEAST_ROUNDS,
    evaluate_repeated_calls,
)
from flowtrace_mcp.model.evaluation import ToolCall

SECRET = "--password=hunter2"


def run_of(keys: str, failing: str = "") -> list[ToolCall]:
    """Return one call a letter, a second apart; equal letters are equal calls."""
    return [
        ToolCall(
            name=f"tool_{key}",
            arguments_text=f"{key} {SECRET}",
            is_error=key in failing,
            start_us=1_000_000 * index,
        )
        for index, key in enumerate(keys)
    ]


# A small alphabet, so that calls do repeat.
keys = st.text("abc", max_size=40)
runs = st.builds(run_of, keys, st.sampled_from(["", "a", "ab"]))


def test_a_run_without_calls_is_clean() -> None:
    evaluation = evaluate_repeated_calls([])

    assert (evaluation.score, evaluation.label) == (1.0, "none")


@pytest.mark.parametrize(
    ("calls", "label", "score"),
    [
        ("abcabd", "none", 1.0),
        ("aabbcc", "none", 1.0),  # twice is no loop
        ("ababa", "none", 1.0),  # the third round is not whole
        ("aaa", "loop", 1 / 3),
        ("xaaay", "loop", 3 / 5),
        ("ababab", "loop", 2 / 6),
        ("xabcdabcdabcda", "loop", 5 / 14),  # the unfinished round counts too
        ("aaaxbbb", "loop", 3 / 7),
        ("abcdeabcdeabcde", "none", 1.0),  # longer than a cycle
    ],
)
def test_a_block_of_at_most_four_calls_is_a_loop_from_its_third_round(
    calls: str, label: str, score: float
) -> None:
    evaluation = evaluate_repeated_calls(run_of(calls))

    assert evaluation.label == label
    assert evaluation.score == pytest.approx(score)


@pytest.mark.parametrize(
    ("calls", "failing", "label", "score"),
    [
        ("aab", "a", "retry", 2 / 3),
        ("aba", "a", "none", 1.0),  # something was done in between
        ("aab", "b", "none", 1.0),
        ("aaa", "a", "loop", 1 / 3),
    ],
)
def test_the_same_call_right_after_it_failed_is_a_retry(
    calls: str, failing: str, label: str, score: float
) -> None:
    evaluation = evaluate_repeated_calls(run_of(calls, failing))

    assert evaluation.label == label
    assert evaluation.score == pytest.approx(score)


def test_the_same_tool_with_other_arguments_is_another_call() -> None:
    calls = [
        ToolCall(name="read", arguments_text=f"line {index}", is_error=True, start_us=index)
        for index in range(10)
    ]

    assert evaluate_repeated_calls(calls).label == "none"


@pytest.mark.parametrize(
    ("calls", "failing", "explanation"),
    [
        ("aaaa", "", "tool_a was called 4 times in a row with the same arguments"),
        ("aaaxbcbcbc", "", "tool_b, tool_c were called 3 times in a row with the same arguments"),
        (
            "aabb",
            "ab",
            "tool_a, tool_b failed, and the same call followed 2 times",
        ),
        ("aab", "a", "tool_a failed, and the same call followed once"),
        ("ab", "", "no call was repeated in vain"),
    ],
)
def test_the_explanation_names_the_worst_of_it(calls: str, failing: str, explanation: str) -> None:
    assert evaluate_repeated_calls(run_of(calls, failing)).explanation == explanation


@given(runs)
def test_an_explanation_never_holds_arguments(calls: Sequence[ToolCall]) -> None:
    assert SECRET not in evaluate_repeated_calls(calls).explanation


@given(runs)
def test_the_score_is_one_exactly_when_nothing_was_repeated(calls: Sequence[ToolCall]) -> None:
    evaluation = evaluate_repeated_calls(calls)

    assert 0 < evaluation.score <= 1
    assert (evaluation.score == 1) == (evaluation.label == "none")


@given(runs, st.randoms(use_true_random=False))
def test_the_order_in_which_calls_are_handed_over_does_not_matter(
    calls: Sequence[ToolCall], chance: random.Random
) -> None:
    shuffled = chance.sample(calls, len(calls))

    assert evaluate_repeated_calls(shuffled) == evaluate_repeated_calls(calls)


@given(st.lists(st.text(), unique=True))
def test_calls_that_all_differ_are_clean(arguments: list[str]) -> None:
    calls = [
        ToolCall(name="read", arguments_text=text, is_error=True, start_us=index)
        for index, text in enumerate(arguments)
    ]

    assert evaluate_repeated_calls(calls).score == 1


@given(
    st.text("abc", min_size=1, max_size=CYCLE_MOST_CALLS), st.integers(LOOP_LEAST_ROUNDS, 9), keys
)
def test_of_a_block_that_comes_again_at_most_one_round_counts(
    block: str, rounds: int, before: str
) -> None:
    useful = evaluate_repeated_calls(run_of(before + "!" + block * rounds))

    length = len(before) + 1 + len(block) * rounds
    assert useful.label == "loop"
    assert round(useful.score * length) <= len(before) + 1 + len(block)
