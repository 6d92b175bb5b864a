import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.model.text import one_line, storable
from tests.strategies import rough_texts


@given(rough_texts)
def test_stored_text_is_utf_8_without_nul(text: str) -> None:
    stored = storable(text)

    assert "\x00" not in stored
    assert stored.encode().decode() == stored


@given(rough_texts)
def test_storing_twice_changes_nothing_more(text: str) -> None:
    assert storable(storable(text)) == storable(text)


@given(st.text(st.characters(exclude_characters="\x00", exclude_categories=("Cs",))))
def test_text_that_can_be_stored_is_kept_as_it_is(text: str) -> None:
    assert storable(text) == text


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("a\x00b", r"a\u0000b"),
        ("a\ud800b", r"a\ud800b"),
        ("\udfff\x00", r"\udfff\u0000"),
        ("\ud83d\ude00", r"\ud83d\ude00"),
    ],
)
def test_nul_and_lone_surrogates_are_escaped_not_dropped(text: str, stored: str) -> None:
    assert storable(text) == stored


@given(rough_texts, st.integers(-1, 30))
def test_one_line_is_one_line_and_within_its_limit(text: str, limit: int) -> None:
    line = one_line(text, limit)

    assert len(line) <= max(limit, 0)
    assert len(line.splitlines()) <= 1


def test_a_cut_line_says_so_and_a_whole_one_does_not() -> None:
    assert one_line("one\n two\tthree", 13) == "one two three"
    assert one_line("one\n two\tthree", 12) == "one two thr…"
    assert one_line("", 0) == ""
    assert one_line("anything", 1) == "…"
