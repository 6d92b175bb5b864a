"""A long text in parts: nothing lost, none too long, cut where a reader would."""

from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.parts import PART_BYTES, split_text

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)


@given(texts, st.integers(4, 64))
def test_parts_joined_are_the_text_and_none_is_too_long(text: str, limit_bytes: int) -> None:
    parts = split_text(text, limit_bytes)

    assert "".join(parts) == text
    assert all(0 < len(part.encode()) <= limit_bytes for part in parts)


def test_a_text_that_fits_is_one_part() -> None:
    assert split_text("a" * PART_BYTES) == ["a" * PART_BYTES]
    assert split_text("") == []


def test_a_part_ends_at_a_paragraph_before_a_line_before_a_sentence_before_a_word() -> None:
    head, tail = "one two three four five six. ", "eight nine ten eleven twelve thirteen x"

    assert split_text(f"{head}seven\n\n{tail}", 40)[0] == f"{head}seven\n\n"
    assert split_text(f"{head}seven\n{tail}", 40)[0] == f"{head}seven\n"
    assert split_text(f"{head}seven {tail}", 40)[0] == head
    assert split_text(f"{head[:-2]} seven {tail}", 40)[0] == f"{head[:-2]} seven "


def test_parts_are_about_equal_rather_than_full_with_a_crumb_at_the_end() -> None:
    lengths = [len(part) for part in split_text("word " * 160)]

    assert sum(lengths) == 800
    assert max(lengths) - min(lengths) <= 10


def test_a_text_without_any_break_is_cut_between_characters() -> None:
    assert split_text("語" * 10, 10) == ["語" * 3, "語" * 3, "語" * 3, "語"]
