import pytest

from flowtrace_mcp.analytics.span_words import (
    QUESTION_WORDS_LIMIT,
    WORDS_LIMIT,
    question_words,
    span_words,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Deploy failed: the host", ["deploy", "failed", "host"]),
        ("getUserById", ["getuserbyid", "get", "user", "id"]),
        ("src/app_main.py", ["src", "app", "main", "py"]),
        ("HTTPServer JSON Title", ["httpserver", "http", "server", "json", "title"]),
        ("日本語", ["日本語", "日本", "本語"]),
        ("größe", ["größe"]),
        ("x" * 65, []),
        ("... !", []),
    ],
)
def test_a_text_gives_its_words_and_the_parts_of_its_names(text, words):
    assert span_words([text]) == words


def test_each_word_is_there_once_and_they_are_bounded():
    assert span_words(["a1 a1", "a1 b2"]) == ["a1", "b2"]
    assert len(span_words([" ".join(f"w{n}" for n in range(1000))])) == WORDS_LIMIT


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (["deploy", "failed"], ["deploy", "failed"]),
        (["getUserById"], ["get", "user", "id"]),
        (["get_user"], ["get", "user"]),
        (["日本語の"], ["日本", "本語", "語の"]),
        (["the"], []),
        (['"quoted" OR x*'], ["quoted", "x"]),
        (["y" * 65], []),
        (["ofThe"], ["ofthe"]),
    ],
)
def test_a_question_asks_for_the_words_that_names_are_made_of(asked, words):
    assert question_words(asked) == words


def test_a_name_is_found_however_it_is_joined():
    held = set(span_words(["class UserService: def getUserById(self)"]))

    for asked in ("getUserById", "get user", "UserService", "user_service", "getuserbyid"):
        assert set(question_words([asked])) <= held


def test_a_question_has_a_bound():
    assert len(question_words([f"w{n}" for n in range(100)])) == QUESTION_WORDS_LIMIT
