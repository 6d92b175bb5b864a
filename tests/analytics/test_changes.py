"""The last change among values in their order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.changes import SHARE_LEAST, last_change


@pytest.mark.parametrize(
    ("values", "change"),
    [
        ("", None),
        ("aaa", None),
        ("aab", ("a", 2)),
        ("acaabbb", ("a", 4)),
        ("aabbbbab", ("a", 2)),
        ("aababab", None),  # it goes back and forth
        ("aba", None),  # it was the first one again
    ],
)
def test_the_last_change_is_where_the_new_came_to_stay(values, change):
    assert last_change(values) == change


@given(st.lists(st.integers(0, 3)))
def test_what_is_found_is_so(values):
    found = last_change(values)

    if found is not None:
        old, began = found
        assert values[-1] not in values[:began]
        assert values[began] == values[-1]
        assert old in values[:began]
        assert values[began:].count(values[-1]) >= SHARE_LEAST * len(values[began:])
