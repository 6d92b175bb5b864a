"""What the embedder is given of a memory: all of it, in parts that it reads whole."""

from flowtrace_mcp.analytics.parts import PART_BYTES
from flowtrace_mcp.services.documents import embedded_texts
from tests.storage.memory_builder import new_memory

MAY_2023_US = 1_683_504_000_000_000


def test_a_short_memory_is_one_text_with_date_and_author() -> None:
    memory = new_memory("She moved to Oslo", author="Ada", valid_from_us=MAY_2023_US)

    assert embedded_texts(memory) == ["[8 May 2023] Ada: She moved to Oslo"]


def test_each_part_of_a_long_memory_has_date_and_author() -> None:
    content = "One line of a long text.\n" * 4000
    memory = new_memory(content, author="Ada", valid_from_us=MAY_2023_US)

    texts = embedded_texts(memory)

    head = "[8 May 2023] Ada: "
    assert len(texts) > len(content) / PART_BYTES
    assert all(text.startswith(head) for text in texts)
    assert "".join(text.removeprefix(head) for text in texts) == content


def test_blank_parts_are_left_out_and_a_blank_memory_is_still_one_text() -> None:
    spaced = new_memory("start" + " " * 3 * PART_BYTES + "end")

    assert len(embedded_texts(spaced)) == 2
    assert len(embedded_texts(new_memory(" " * 2 * PART_BYTES))) == 1
