from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.question_dates import CalendarDate
from flowtrace_mcp.analytics.questions import read_question
from flowtrace_mcp.analytics.ranking import (
    DEFAULT_WEIGHTS,
    TEXT_WEIGHT,
    Candidate,
    Ranked,
    Signals,
    Term,
    best_of_session,
    collapse_duplicates,
    coverage_of,
    cut_relative,
    is_author_named,
    normalise_bm25,
    rank,
    rarity,
    recency_of,
    signals_of,
)

DAY_US = 86_400_000_000


def candidate(key, dense=None, bm25=None, session=0, sequence=0, **more):
    return Candidate(key=key, dense=dense, bm25=bm25, session=session, sequence=sequence, **more)


def signals(found, question="", terms=()):
    asked = read_question(question, 0)
    told = signals_of(found, asked=asked, terms=terms)
    return {c.key: one for c, one in zip(found, told, strict=True)}


def ranked(key, strength):
    return Ranked(key=key, score=strength, strength=strength, support=strength)


def keys(results):
    return [one.key for one in results]


CANDIDATES = st.lists(
    st.builds(
        Candidate,
        key=st.integers(0, 1000),
        dense=st.none() | st.floats(-1, 1),
        bm25=st.none() | st.floats(0, 50),
        session=st.integers(0, 3),
        sequence=st.integers(0, 10),
        author=st.sampled_from(["", "Caroline", "Mel"]),
        when_us=st.integers(0, 2**50),
        text=st.sampled_from(["", "why?", "last week"]),
    ),
    max_size=30,
    unique_by=lambda c: c.key,
)


def test_the_score_is_the_weighted_sum_of_the_signals():
    found = [candidate(1, dense=0.4, bm25=5.0, text="to be?"), candidate(2, dense=0.6, bm25=10.0)]
    told = signals(found)
    weights = replace(DEFAULT_WEIGHTS, coverage=0, question=-0.25)
    expected = {
        key: sum(getattr(weights, name) * getattr(one, name) for name in Signals._fields)
        for key, one in told.items()
    }
    scores = {one.key: one.score for one in rank(found, weights=weights)}
    assert scores == pytest.approx(expected)


def test_strength_is_cosine_plus_weighted_text():
    results = rank([candidate(1, dense=0.4, bm25=5.0), candidate(2, dense=0.6, bm25=10.0)])
    assert {one.key: one.strength for one in results} == {
        1: pytest.approx(0.4 + TEXT_WEIGHT / 2),
        2: pytest.approx(0.6 + TEXT_WEIGHT),
    }


def test_text_alone_ranks_when_there_are_no_vectors():
    assert keys(rank([candidate(1, bm25=1.0), candidate(2, bm25=3.0)])) == [2, 1]


def test_vectors_alone_rank_when_no_word_matches():
    assert keys(rank([candidate(1, dense=0.1), candidate(2, dense=0.3)])) == [2, 1]


def test_equal_scores_are_ordered_by_key():
    assert keys(rank([candidate(key, dense=0.5) for key in (3, 1, 2)])) == [1, 2, 3]


def test_nothing_ranks_as_nothing():
    assert rank([]) == []


def test_coverage_is_the_share_of_rarity_that_a_memory_holds():
    found = [candidate(1), candidate(2), candidate(3)]
    terms = [Term(rarity=3.0, keys={1}), Term(rarity=1.0, keys={1, 2, 99})]
    assert coverage_of(found, terms) == {1: (1.0, 0.0), 2: (0.25, 0.0), 3: (0.0, 0.0)}


def test_without_words_nothing_is_covered():
    assert coverage_of([candidate(1)], []) == {1: (0.0, 0.0)}


def test_memories_around_lend_the_words_that_are_missing_the_less_the_further_away():
    found = [candidate(key, session=1, sequence=key) for key in range(1, 10)]
    around = {key: pair[1] for key, pair in coverage_of(found, [Term(rarity=2, keys={5})]).items()}
    assert around == {1: 0, 2: 0, 3: 0.4, 4: 0.6, 5: 0, 6: 0.7, 7: 0.45, 8: 0, 9: 0}


def test_a_word_that_several_around_hold_counts_by_the_nearest():
    found = [candidate(key, session=1, sequence=key) for key in (1, 2, 3)]
    for keys in ({1, 2}, {2, 1}):
        assert coverage_of(found, [Term(rarity=2, keys=list(keys))])[3] == (0.0, 0.7)
    assert coverage_of(found, [Term(rarity=2, keys=[2, 1])])[3] == (0.0, 0.7)


def test_memories_of_another_session_or_of_none_lend_nothing():
    found = [
        candidate(1, session=1, sequence=1),
        candidate(2, session=2, sequence=2),
        candidate(3, session=0, sequence=1),
        candidate(4, session=0, sequence=2),
    ]
    covered = coverage_of(found, [Term(rarity=1, keys={1, 3})])
    assert covered == {1: (1, 0), 2: (0, 0), 3: (1, 0), 4: (0, 0)}


def test_what_follows_a_question_is_lifted_by_how_near_that_question_is():
    found = [
        candidate(1, dense=0.7, session=1, sequence=1, text="What did you paint? "),
        candidate(2, dense=0.1, session=1, sequence=2, text="A lake."),
        candidate(3, dense=0.1, session=2, sequence=2, text="A lake."),
        candidate(4, dense=0.7, session=0, sequence=1, text="What did you paint?"),
        candidate(5, dense=0.1, session=0, sequence=2, text="A lake."),
    ]
    told = signals(found)
    assert [told[key].answers for key in (1, 2, 3, 4, 5)] == [0, 0.7, 0, 0, 0]
    assert [told[key].question for key in (1, 2, 4)] == [1, 0, 1]


def test_a_date_in_the_question_lifts_what_is_of_that_date():
    found = [candidate(1, when_us=0), candidate(2, when_us=400 * DAY_US)]
    told = signals(found, "what happened on 1 January 1970?")
    assert read_question("1 January 1970", 0).dates == [CalendarDate(year=1970, month=1, day=1)]
    assert (told[1].date, told[2].date) == (1, 0)
    assert signals(found, "what happened?")[1].date == 0


def test_a_question_for_a_time_lifts_texts_that_tell_one():
    found = [candidate(1, text="I ran yesterday"), candidate(2, text="I ran")]
    told = signals(found, "When did she run?")
    assert (told[1].time, told[2].time) == (1, 0)
    assert signals(found, "Where did she run?")[1].time == 0


def test_recency_counts_only_when_the_question_asks_for_it():
    found = [candidate(key, dense=0.5, when_us=key) for key in (1, 2, 3)]
    assert keys(rank(found, query="which port does it use?")) == [1, 2, 3]
    assert keys(rank(found, query="which port does it use now?")) == [3, 2, 1]


def test_what_is_weak_is_not_recent():
    found = [candidate(1, when_us=1), candidate(2, when_us=3), candidate(3, when_us=2)]
    assert recency_of(found, {1: 0.9, 2: 0.1, 3: 0.8}) == {1: 0, 3: 1}
    assert recency_of([], {}) == {}


def test_a_rarer_word_weighs_more():
    assert rarity(100, 1) > rarity(100, 50) > rarity(100, 100) > 0


def test_the_best_of_a_session_lifts_the_whole_session():
    found = [
        candidate(1, dense=0.8, session=1, sequence=1),
        candidate(2, dense=0.3, session=1, sequence=9),
        candidate(3, dense=0.4, session=2, sequence=1),
    ]
    assert keys(rank(found)) == [1, 2, 3]


def test_a_memory_without_a_session_is_lifted_by_itself_alone():
    found = [candidate(1, dense=0.8), candidate(2, dense=0.3)]
    assert best_of_session(found, {1: 0.8, 2: 0.3}) == {1: 0.8, 2: 0.3}


def test_an_author_named_in_the_question_decides_between_equals():
    found = [candidate(1, dense=0.5, author="Mel"), candidate(2, dense=0.5, author="Caroline")]
    assert keys(rank(found, query="What did caroline's sister paint?")) == [2, 1]


@pytest.mark.parametrize(
    ("author", "is_named"), [("Ann Lee", True), ("ann", True), ("Ann Ray", False), ("", False)]
)
def test_an_author_is_named_when_all_words_of_the_name_are(author, is_named):
    assert is_author_named(author, frozenset({"ask", "ann", "lee"})) is is_named


def test_strength_leaves_context_and_author_out():
    found = [
        candidate(1, dense=0.5, bm25=4.0, session=1, sequence=1, author="Mel"),
        candidate(2, dense=0.9, bm25=8.0, session=1, sequence=2),
    ]
    strength = {one.key: one.strength for one in rank(found, query="Mel")}
    assert strength == {1: pytest.approx(0.5 + 0.3 * 0.5), 2: pytest.approx(0.9 + 0.3)}


@given(CANDIDATES)
def test_normalised_text_scores_lie_between_0_and_1(found):
    assert all(0 <= score <= 1 for score in normalise_bm25(found).values())


@given(CANDIDATES)
def test_every_candidate_is_ranked_once_by_falling_score(found):
    results = rank(found, query="mel")
    assert sorted(keys(results)) == sorted(c.key for c in found)
    assert results == sorted(results, key=lambda one: (-one.score, one.key))


@given(CANDIDATES)
def test_the_order_of_the_candidates_does_not_matter(found):
    assert rank(found) == rank(found[::-1])


@given(CANDIDATES.filter(bool))
def test_a_better_cosine_never_lowers_a_score(found):
    better = [found[0]._replace(dense=1.0), *found[1:]]
    before = {one.key: one.score for one in rank(found)}
    after = {one.key: one.score for one in rank(better)}
    assert all(after[key] >= before[key] - 1e-9 for key in before)


def test_a_relative_cut_keeps_what_is_close_to_the_strongest():
    results = [ranked(1, 0.9), ranked(2, 0.5), ranked(3, 0.44), ranked(4, 0.6)]
    assert keys(cut_relative(results, ratio=0.5, floor=0.1)) == [1, 2, 4]


def test_what_stands_beside_the_strong_is_kept_by_their_support():
    supported = Ranked(key=2, score=0.5, strength=0.1, support=0.6)
    assert keys(cut_relative([ranked(1, 0.9), supported], ratio=0.5, floor=0.3)) == [1, 2]
    assert cut_relative([supported], ratio=0.5, floor=0.3) == []


def test_support_is_strength_and_what_the_memories_around_add():
    found = [
        candidate(1, dense=0.5, session=1, sequence=1, text="Where to?"),
        candidate(2, dense=0.25, session=1, sequence=2),
    ]
    support = {one.key: one.support for one in rank(found, terms=[Term(rarity=1, keys={1})])}
    assert support == {1: 0.5, 2: pytest.approx(0.25 + 0.8 * 0.7 + 0.3 * 0.5)}


def test_nothing_is_left_when_the_strongest_is_below_the_floor():
    assert cut_relative([ranked(1, 0.2)], ratio=0.5, floor=0.3) == []
    assert cut_relative([], ratio=0.5, floor=0.0) == []


def test_of_near_duplicates_the_first_stays():
    assert collapse_duplicates(["Use pnpm", "use npm", "USE PNPM"], str.lower) == [
        "Use pnpm",
        "use npm",
    ]
