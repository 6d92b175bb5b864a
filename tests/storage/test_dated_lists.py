"""Lists that grow and shrink and forget nothing."""

from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.storage.dated_lists import (
    Row,
    add_pairs,
    close_pairs,
    new_rows,
    pack_rows,
    pairs_of,
    unpack_rows,
)

words = st.sampled_from(["a", "b", "c"])
steps = st.lists(st.tuples(st.booleans(), st.lists(words, max_size=3)), max_size=12)


def held_at(rows: list[Row], when_us: int) -> set[str]:
    return {
        value
        for value, _, from_us, to_us in rows
        if from_us <= when_us and (to_us is None or to_us > when_us)
    }


@given(steps)
def test_what_held_at_any_time_is_what_a_replay_up_to_it_gives(
    steps: list[tuple[bool, list[str]]],
) -> None:
    rows: list[Row] = []
    held: set[str] = set()
    replayed = [held]
    for now_us, (is_added, values) in enumerate(steps, start=1):
        pairs = [(value, "") for value in values]
        (add_pairs if is_added else close_pairs)(rows, pairs, now_us)
        held = held | set(values) if is_added else held - set(values)
        replayed.append(held)

    stored = unpack_rows(pack_rows(rows))

    assert [held_at(stored, when_us) for when_us in range(len(replayed))] == replayed
    assert {value for value, _ in pairs_of(stored)} == held


def test_a_value_that_holds_is_not_added_again() -> None:
    rows = new_rows([("a", ""), ("a", "")], 1)

    assert add_pairs(rows, [("a", ""), ("b", "x")], 2) == [1]
    assert pairs_of(rows) == [("a", ""), ("b", "x")]


def test_only_what_holds_with_the_same_addition_ends() -> None:
    rows = new_rows([("a.py", "f00")], 1)

    assert close_pairs(rows, [("a.py", "f01")], 2) == []
    assert close_pairs(rows, [("a.py", "f00")], 2) == [0]
    assert close_pairs(rows, [("a.py", "f00")], 3) == []
    assert rows == [("a.py", "f00", 1, 2)]
