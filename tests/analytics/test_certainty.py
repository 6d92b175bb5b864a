from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.certainty import (
    WITH_MODEL,
    WORDS_ALONE,
    AskedTerm,
    Evidence,
    Features,
    choose,
    cosine_of,
    explain,
    names_in,
    probability,
    without_word,
)

QUESTION = "which port does the staging database use?"
TERMS = (
    AskedTerm(text="port", rarity=2.0, importance=0.3),
    AskedTerm(text="staging", rarity=3.0, importance=0.4),
    AskedTerm(text="database", rarity=2.0, importance=0.1),
)
STAGING = Evidence(
    key=1,
    text="The staging database listens on port 5433",
    hits=frozenset(("port", "staging", "database")),
    cosine=0.7,
)
PRODUCTION = Evidence(
    key=2,
    text="The production database listens on port 6432",
    hits=frozenset(("port", "database")),
    cosine=0.4,
)
IDLE = Evidence(key=3, text="Talked about staging", hits=frozenset(("staging",)), cosine=0.3)


def test_the_answer_is_chosen_and_its_neighbours_are_not() -> None:
    chosen = choose(QUESTION, TERMS, (PRODUCTION, STAGING, IDLE), WITH_MODEL)

    assert [key for key, _ in chosen] == [1]


def test_nothing_is_chosen_when_only_neighbours_are_there() -> None:
    assert choose(QUESTION, TERMS, (PRODUCTION, IDLE), WITH_MODEL) == []


def test_words_alone_choose_what_holds_them_all() -> None:
    blind = [replace(one, cosine=0.0) for one in (PRODUCTION, STAGING, IDLE)]
    even = [replace(term, importance=1.0) for term in TERMS]

    assert [key for key, _ in choose(QUESTION, even, blind, WORDS_ALONE)] == [1]


def test_equals_stand_in_the_order_of_their_keys() -> None:
    twin = replace(STAGING, key=0)
    weights = replace(WITH_MODEL, least=0.0)

    assert [key for key, _ in choose(QUESTION, TERMS, (STAGING, twin), weights)] == [0, 1]


def test_the_word_that_matters_most_is_missed() -> None:
    held, lost = explain(QUESTION, TERMS, (STAGING, PRODUCTION))

    assert (held.missed, lost.missed) == (0.0, 1.0)
    assert (held.key_and_type, lost.key_and_type) == (1.0, 0.0)
    assert held.weight_held == pytest.approx(1.0)
    assert lost.weight_held == pytest.approx(0.5)


def test_a_name_of_code_is_held_or_not() -> None:
    terms = (AskedTerm(text="getuserbyid", rarity=4.0, importance=0.5, is_name=True),)
    has = Evidence(key=1, text="getUserById is slow", hits=frozenset(("getuserbyid",)), cosine=0.5)
    lacks = Evidence(key=2, text="getUserByEmail is slow", hits=frozenset(), cosine=0.5)

    with_name, without = explain("getUserById is odd", terms, (has, lacks))

    assert (with_name.holds_name, with_name.cosine_no_name) == (1.0, 0.0)
    assert (without.holds_name, without.cosine_no_name) == (0.0, 0.5)


def test_a_note_is_an_aside_only_among_memories_that_are_more() -> None:
    note = replace(IDLE, is_note=True)

    assert explain(QUESTION, TERMS, (STAGING, note))[1].is_aside == 1.0
    assert explain(QUESTION, TERMS, (note, note))[0].is_aside == 0.0


def test_a_question_without_words_holds_nothing() -> None:
    features = explain("?", (), (STAGING,))[0]

    assert (features.weight_held, features.missed, features.holds_name) == (0.0, 0.0, 0.0)


def test_no_candidates_give_no_choice() -> None:
    assert choose(QUESTION, TERMS, (), WITH_MODEL) == []


def test_a_memory_alone_in_its_project_does_not_win_by_default() -> None:
    lead = explain(QUESTION, TERMS, (IDLE,))[0].lead

    assert lead < 0.5


@given(st.lists(st.floats(-1e6, 1e6), min_size=14, max_size=14))
def test_a_probability_is_one_whatever_the_features(values: list[float]) -> None:
    names = [field.name for field in fields(Features)]
    features = Features(**dict(zip(names, values, strict=True)))

    assert 0.0 <= probability(features, WITH_MODEL) <= 1.0


def test_names_of_code_are_those_with_joints_digits_or_a_capital_inside() -> None:
    found = names_in("Why does getUserById in src/app.py raise E0425 for max_size? Ada asks.")

    assert found == {"getuserbyid", "src/app.py", "e0425", "max_size"}


@pytest.mark.parametrize(
    ("word", "rest"),
    [("ledger", "the port of"), ("port", "the of LEDGER"), ("led", "the port of LEDGER")],
)
def test_a_word_is_left_out_in_whatever_case(word: str, rest: str) -> None:
    assert without_word("the port of LEDGER", word) == rest


def test_the_cosine_of_bytes_is_that_of_their_vectors() -> None:
    one, other = bytes((3, 4)), bytes((256 - 4, 3))

    assert cosine_of(one, one) == pytest.approx(1.0)
    assert cosine_of(one, other) == pytest.approx(0.0)
    assert cosine_of(one, bytes(2)) == 0.0
