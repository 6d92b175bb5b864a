from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.passages import LONG_CHARACTERS, passage_start

FILLING = "The build of the shop takes a long time. " * 60
POINT = "The zeppelin hangar opens at the gate."


def shown(text: str, *terms: str) -> str:
    return text[passage_start(text, terms) :]


def test_the_passage_with_the_words_asked_for_is_shown_from_its_sentence_on() -> None:
    text = FILLING + POINT + " " + FILLING

    assert shown(text, "zeppelin", "opened").startswith(POINT)


def test_a_word_that_is_everywhere_counts_little() -> None:
    text = FILLING + POINT

    assert shown(text, "build", "shop", "long", "time", "hangar").endswith(POINT)
    assert len(shown(text, "build", "shop", "long", "time", "hangar")) < 150


def test_the_first_of_equal_passages_is_shown() -> None:
    text = FILLING + POINT + " " + FILLING + POINT

    assert passage_start(text, ["zeppelin"]) == len(FILLING)


def test_a_short_text_and_one_without_the_words_are_shown_from_the_beginning() -> None:
    assert passage_start(POINT, ["hangar"]) == 0
    assert passage_start(FILLING, ["zeppelin"]) == 0
    assert passage_start(FILLING, []) == 0
    assert passage_start(FILLING, [""]) == 0


def test_a_passage_near_the_beginning_begins_there() -> None:
    assert passage_start("zeppelin " + "x" * LONG_CHARACTERS, ["zeppelin"]) == 0


def test_a_sentence_without_an_end_begins_with_a_word_not_far_before() -> None:
    text = "x" * LONG_CHARACTERS + " the zeppelin " + "y" * 50

    assert shown(text, "zeppelin").startswith("the zeppelin")
    assert len(shown("word " * 300 + "zeppelin", "zeppelin")) <= 128


def test_a_passage_without_any_end_of_a_word_before_it_begins_far_enough_before() -> None:
    assert shown("x" * LONG_CHARACTERS + "-zeppelin", "zeppelin").endswith("xxx-zeppelin")


def test_a_word_inside_another_is_not_meant() -> None:
    assert passage_start("x" * LONG_CHARACTERS + "zeppelin", ["zeppelin"]) == 0


def test_letters_that_are_two_in_lower_case_move_no_place() -> None:
    text = "İ" * LONG_CHARACTERS + " zeppelin"

    assert shown(text, "zeppelin").endswith("zeppelin")


@given(st.text(alphabet="ab. \nİ", max_size=3000), st.lists(st.text(alphabet="ab", max_size=4)))
def test_the_start_lies_in_the_text(text: str, terms: list[str]) -> None:
    assert 0 <= passage_start(text, terms) <= len(text)
