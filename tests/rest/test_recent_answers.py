"""Answers are kept within a bound, the ones asked for last the longest."""

from flowtrace_mcp.rest.recent_answers import LARGEST_SHARE, RecentAnswers


def test_what_was_kept_is_found_again():
    answers = RecentAnswers(1000)
    answers.keep("a", b"x")
    assert (answers.find("a"), answers.find("b")) == (b"x", None)


def test_the_one_not_asked_for_longest_goes_first():
    answers = RecentAnswers(30)
    for key in ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"):
        answers.keep(key, b"xyz")
    answers.find("a")
    answers.keep("k", b"xyz")
    assert answers.find("a") == b"xyz"
    assert answers.find("b") is None


def test_an_answer_kept_twice_takes_room_once():
    answers = RecentAnswers(30)
    for _ in range(100):
        answers.keep("a", b"xyz")
    for key in range(9):
        answers.keep(key, b"xyz")
    assert answers.find("a") == b"xyz"


def test_an_answer_too_large_for_its_share_is_not_kept():
    answers = RecentAnswers(80)
    answers.keep("fits", b"x" * (80 // LARGEST_SHARE))
    answers.keep("large", b"x" * (80 // LARGEST_SHARE + 1))
    assert answers.find("fits") is not None
    assert answers.find("large") is None
