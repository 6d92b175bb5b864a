import pytest

from flowtrace_mcp.redaction_list import (
    ENTRIES_LIMIT,
    ENTRY_LIMIT_CHARACTERS,
    parse_redaction_list,
)


def test_a_list_is_json_or_an_entry_a_line() -> None:
    for text in ('["Blue Heron", "/E-[0-9]{4}/"]', "Blue Heron\n\n  /E-[0-9]{4}/\n"):
        word, expression = parse_redaction_list(text)

        assert word.search("project blue heron")
        assert expression.search("E-1234")
        assert not expression.search("e-1234")


def test_a_word_is_taken_as_it_is_written() -> None:
    (word,) = parse_redaction_list("[a.b]*")

    assert word.search("x [A.B]* y")
    assert not word.search("[aXb]*")


def test_json_of_another_shape_is_a_word_as_it_stands() -> None:
    (word,) = parse_redaction_list("[123]")

    assert word.search("[123]")
    assert not word.search("123")


@pytest.mark.parametrize(
    "entry",
    [
        "/[/",  # no expression at all
        "/a+/",
        "/a*b/",
        "/a{2,}/",
        "/(ab){1,3}/",
        "/(a{1,3}){2}/",
        "/a{1,100}b{1,100}/",
        r"/(a)\1/",
        f"/{'(?:a|a)' * 14}b/",  # a choice of each group after the one before
        "/(?=a)b/",
        "/(?P<n>a)(?P=n)/",
        "/a?/",  # fits an empty text
        "ab",
        "x" * (ENTRY_LIMIT_CHARACTERS + 1),
    ],
)
def test_an_entry_that_is_broken_or_may_take_long_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse_redaction_list(entry)


@pytest.mark.parametrize(
    "entry", ["/ACME-[0-9]{6}/", r"/\w{1,30}@corp\.example/", "/(?:ab|cd)?x[*+]{1,3}/", r"/\{\}\+/"]
)
def test_an_expression_that_says_how_long_it_may_be_is_taken(entry: str) -> None:
    assert len(parse_redaction_list(entry)) == 1


def test_a_list_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        parse_redaction_list("word\n" * (ENTRIES_LIMIT + 1))


@pytest.mark.parametrize("entry", ["/a{1,30}a{1,30}b/", "/[a-z]{1,900}9/", f"/{'(?:a|a)' * 9}b/"])
def test_the_costliest_expression_ends_on_the_longest_text(entry: str) -> None:
    (pattern,) = parse_redaction_list(entry)

    assert pattern.sub("", "a" * 100_000) == "a" * 100_000
