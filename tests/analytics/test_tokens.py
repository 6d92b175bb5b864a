import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.tokens import TokenBudget, cut_to_tokens, estimate_tokens

CORPUS = json.loads(
    (Path(__file__).parents[1] / "data" / "o200k_corpus.json").read_text(encoding="utf-8")
)
WORDS = ["get", "User", "HTTP", "s", "cat", "the", "qx", "ID", "12", "7", "é", "你", "好", "Привет"]
BLANKS = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\x1f"]
MARKS = [".", '"', "(", "_", "):", '":"', "\\", "/", "🎉", "§"]
KINDS = sorted({entry["kind"] for entry in CORPUS})
PARTS = st.sampled_from([*WORDS, *BLANKS, *MARKS])
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(st.characters(max_codepoint=0x7F), max_size=60),
    st.lists(PARTS, max_size=20).map("".join),
)


def joined(kind):
    entries = [entry for entry in CORPUS if entry["kind"] == kind]
    return " ".join(e["text"] for e in entries), sum(e["tokens"] for e in entries)


def test_the_estimate_is_never_below_the_true_count():
    assert [e for e in CORPUS if estimate_tokens(e["text"]) < e["tokens"]] == []


def test_joined_texts_of_the_corpus_are_not_below_their_true_count_either():
    for kind in KINDS:
        text, true_count = joined(kind)
        assert estimate_tokens(text) >= true_count, kind


@pytest.mark.parametrize("kind", ["prose", "json", "code", "paths", "ids"])
def test_the_estimate_is_at_most_a_quarter_too_high(kind):
    text, true_count = joined(kind)
    assert estimate_tokens(text) <= 1.25 * true_count


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_text_is_counted_three_times_over(kind):
    text, true_count = joined(kind)
    assert estimate_tokens(text) <= 3 * true_count


def test_an_empty_text_costs_nothing():
    assert estimate_tokens("") == 0


def test_digits_of_other_scripts_are_not_counted_as_one_number():
    assert estimate_tokens("٥٤٣٢٥٤٣٢") > 3


@given(TEXTS, TEXTS)
@example("§(", ".get")
@example(":", '"qxz')
@example("cat", "the")
@example("a ", "  b")
@example("x\t", "\ty")
@example("don", "'t")
@example("BN:O", "gets")
def test_joined_texts_cost_at_most_the_sum_of_their_costs(left, right):
    assert estimate_tokens(left + right) <= estimate_tokens(left) + estimate_tokens(right)


@given(st.lists(TEXTS, max_size=6), st.integers(0, 60))
def test_what_a_budget_took_fits_the_budget_as_one_text(texts, limit):
    budget = TokenBudget(limit)
    taken = [text for text in texts if budget.take(text)]
    assert estimate_tokens("".join(taken)) <= budget.used_tokens <= limit
    assert budget.left_tokens == limit - budget.used_tokens


def test_a_refused_text_leaves_the_budget_as_it_was():
    budget = TokenBudget(3)
    assert not budget.take("one two three four five")
    assert budget.left_tokens == 3
    assert budget.take("one")


@given(TEXTS, st.integers(-1, 40))
def test_a_cut_text_fits_its_limit_and_begins_as_the_whole_does(text, limit):
    cut, was_cut = cut_to_tokens(text, limit)
    assert estimate_tokens(cut) <= max(limit, 0)
    assert was_cut == (cut != text)
    assert text.startswith(cut.removesuffix("…") if was_cut else cut)


def test_a_text_that_fits_is_returned_whole():
    assert cut_to_tokens("use pnpm here", 10) == ("use pnpm here", False)


def test_a_cut_ends_on_a_whole_word():
    text = "the quick brown fox jumps over the lazy dog again and again"
    cut, was_cut = cut_to_tokens(text, 9)
    assert was_cut
    assert text.startswith(cut[:-1] + " ")
    assert len(cut.split()) >= 4


def test_a_long_text_without_blanks_is_cut_inside():
    cut, was_cut = cut_to_tokens("0123456789" * 500, 50)
    assert was_cut
    assert estimate_tokens(cut) == 50


def test_a_text_of_few_tokens_per_character_is_not_cut_too_early():
    cut, _ = cut_to_tokens("a" + " " * 5000 + "b" * 400, 120)
    assert cut.endswith("b…")


def test_nothing_is_left_when_the_ellipsis_does_not_fit():
    assert cut_to_tokens("some words", 1) == ("", True)
