"""A memory without a vector stands where its words place it."""

from flowtrace_mcp.analytics.unread import presumed_cosine


def test_an_unread_memory_is_as_near_as_those_found_by_words_are_on_the_whole() -> None:
    found = [(3.0, 0.2), (2.0, 0.6), (1.0, 0.4), (2.0, None), (None, 0.9), (None, 0.8)]

    assert presumed_cosine(found) == 0.4


def test_without_such_it_is_as_near_as_the_farthest_found_by_meaning() -> None:
    assert presumed_cosine([(2.0, None), (None, 0.9), (None, 0.5)]) == 0.5


def test_where_nothing_was_found_by_meaning_nothing_is_presumed() -> None:
    assert presumed_cosine([(2.0, None)]) is None
    assert presumed_cosine([]) is None
