from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.ranking import (
    Candidate,
    Ranked,
    Weights,
    best_of_session,
    collapse_duplicates,
    cut_relative,
    is_author_named,
    normalise_bm25,
    rank,
)

ONLY_TEXT_AND_DENSE = Weights(text=0.5, neighbour=0, next_neighbour=0, session=0, author=0)


def candidate(key, dense=None, bm25=None, session=0, sequence=0, author=""):
    return Candidate(
        key=key, dense=dense, bm25=bm25, session=session, sequence=sequence, author=author
    )


def ranked(key, strength):
    return Ranked(key=key, score=strength, strength=strength)


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
        recorded_us=st.just(0),
    ),
    max_size=30,
    unique_by=lambda c: c.key,
)


def test_the_score_is_cosine_plus_weighted_text():
    results = rank(
        [candidate(1, dense=0.4, bm25=5.0), candidate(2, dense=0.6, bm25=10.0)],
        weights=ONLY_TEXT_AND_DENSE,
    )
    assert [(one.key, one.score) for one in results] == [
        (2, pytest.approx(1.1)),
        (1, pytest.approx(0.65)),
    ]


def test_text_alone_ranks_when_there_are_no_vectors():
    assert keys(rank([candidate(1, bm25=1.0), candidate(2, bm25=3.0)])) == [2, 1]


def test_vectors_alone_rank_when_no_word_matches():
    assert keys(rank([candidate(1, dense=0.1), candidate(2, dense=0.3)])) == [2, 1]


def test_equal_scores_are_ordered_by_key():
    assert keys(rank([candidate(key, dense=0.5) for key in (3, 1, 2)])) == [1, 2, 3]


def test_nothing_ranks_as_nothing():
    assert rank([]) == []


def test_a_neighbour_lends_a_share_of_its_text_score():
    weights = Weights(text=1, neighbour=0.3, next_neighbour=0.2, session=0, author=0)
    matched = [candidate(key, bm25=0.0, session=1, sequence=key) for key in range(10)]
    matched[5] = candidate(5, bm25=8.0, session=1, sequence=5)
    scores = {one.key: one.score for one in rank(matched, weights=weights)}
    assert [scores[key] for key in range(2, 9)] == pytest.approx([0, 0.2, 0.3, 1, 0.3, 0.2, 0])


def test_neighbours_of_another_session_or_of_none_lend_nothing():
    weights = Weights(text=1, session=0, author=0)
    found = [
        candidate(1, bm25=8.0, session=1, sequence=1),
        candidate(2, bm25=0.0, session=2, sequence=2),
        candidate(3, bm25=8.0, session=0, sequence=1),
        candidate(4, bm25=0.0, session=0, sequence=2),
    ]
    scores = {one.key: one.score for one in rank(found, weights=weights)}
    assert scores == {1: 1, 2: 0, 3: 1, 4: 0}


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
    better = [replace(found[0], dense=1.0), *found[1:]]
    before = {one.key: one.score for one in rank(found)}
    after = {one.key: one.score for one in rank(better)}
    assert all(after[key] >= before[key] - 1e-9 for key in before)


def test_a_relative_cut_keeps_what_is_close_to_the_strongest():
    results = [ranked(1, 0.9), ranked(2, 0.5), ranked(3, 0.44), ranked(4, 0.6)]
    assert keys(cut_relative(results, ratio=0.5, floor=0.1)) == [1, 2, 4]


def test_nothing_is_left_when_the_strongest_is_below_the_floor():
    assert cut_relative([ranked(1, 0.2)], ratio=0.5, floor=0.3) == []
    assert cut_relative([], ratio=0.5, floor=0.0) == []


def test_of_near_duplicates_the_first_stays():
    assert collapse_duplicates(["Use pnpm", "use npm", "USE PNPM"], str.lower) == [
        "Use pnpm",
        "use npm",
    ]
