import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.causality import (
    ancestors_of,
    children_by,
    descendants_of,
    path_between,
)

# 1 is the root of 2 and 3, 2 of 4; 9 is a root of its own, and 8 has lost its parent.
PARENTS = {1: 0, 2: 1, 3: 1, 4: 2, 9: 0, 8: 77}
graphs = st.dictionaries(st.integers(1, 12), st.integers(0, 14))


def test_ancestors_come_nearest_first():
    assert ancestors_of(4, PARENTS) == [2, 1]
    assert ancestors_of(1, PARENTS) == []
    assert ancestors_of(8, PARENTS) == []
    assert ancestors_of(5, PARENTS) == []


def test_descendants_come_nearest_first():
    assert descendants_of(1, children_by(PARENTS)) == [2, 3, 4]
    assert descendants_of(4, children_by(PARENTS)) == []


@pytest.mark.parametrize(
    ("start", "end", "path"),
    [(4, 3, [4, 2, 1, 3]), (1, 4, [1, 2, 4]), (4, 4, [4]), (4, 9, []), (8, 1, [])],
)
def test_the_way_between_two_goes_over_what_led_to_both(start, end, path):
    assert path_between(start, end, PARENTS) == path


def test_a_node_that_is_its_own_parent_leads_to_nothing():
    assert ancestors_of(1, {1: 1}) == []
    assert descendants_of(1, children_by({1: 1})) == []


@given(graphs, st.integers(1, 12))
def test_who_is_above_has_the_node_below_it(parents, node):
    children = children_by(parents)

    for above in ancestors_of(node, parents):
        assert node in descendants_of(above, children)


@given(graphs, st.integers(1, 12), st.integers(1, 12))
def test_a_way_back_is_as_long_as_the_way_there(parents, start, end):
    there, back = path_between(start, end, parents), path_between(end, start, parents)

    if there:
        assert (there[0], there[-1]) == (start, end)
    assert len(set(there)) == len(there)
    assert bool(there) == bool(back)
