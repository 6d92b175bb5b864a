import pytest

from flowtrace_mcp.analytics.questions import is_question, read_question, tells_time


@pytest.mark.parametrize(
    ("question", "is_when"),
    [
        ("When did Ada move?", True),
        (" when was it?", True),
        ("How long did the outage take?", True),
        ("In which month was 2.0 released?", True),
        ("What time is the stand-up?", True),
        ("Since when do we sign commits?", True),
        ("What happens when the queue is full?", False),
        ("Why did Ada move?", False),
    ],
)
def test_a_question_for_a_time_is_known(question, is_when):
    assert read_question(question, 0).is_when is is_when


@pytest.mark.parametrize(
    ("question", "is_recent"),
    [
        ("What is the latest decision on caching?", True),
        ("Which port do we use now?", True),
        ("Who currently owns billing?", True),
        ("the most recent release", True),
        ("What do we know of the port?", False),
        ("How do I knowingly skip a test?", False),
    ],
)
def test_a_question_for_the_latest_is_known(question, is_recent):
    assert read_question(question, 0).is_recent is is_recent


def test_the_words_of_a_question_are_in_lower_case():
    assert read_question("Did Ann-Lee pay?", 0).words == {"did", "ann", "lee", "pay"}


@pytest.mark.parametrize(
    ("text", "is_so"),
    [("Ready?", True), ("Ready? \n", True), ("好吗\uff1f", True), ("Yes.", False), ("", False)],
)
def test_a_text_that_ends_in_a_question_mark_is_a_question(text, is_so):
    assert is_question(text) is is_so


@pytest.mark.parametrize(
    ("text", "is_so"),
    [("We met last week", True), ("Since 2023", True), ("On Tuesday", True), ("We met", False)],
)
def test_words_of_time_are_known(text, is_so):
    assert tells_time(text) is is_so
