from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.span_questions import read_span_question

NOW_US = int(datetime(2026, 11, 25, 12, tzinfo=UTC).timestamp()) * 1_000_000
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
TODAY_US = NOW_US - 12 * HOUR_US
NAMES = {"claude-sonnet-4-5": "model", "Bash": "tool"}


def read(text):
    return read_span_question(text, NOW_US, NAMES)


@pytest.mark.parametrize(
    ("text", "field", "limit"),
    [
        ("slower than 5 s", "min_duration_us", 5_000_000),
        ("took over 1.5 minutes", "min_duration_us", 90_000_000),
        ("faster than 250ms", "max_duration_us", 250_000),
        ("more than 10k tokens", "min_tokens", 10_000),
        ("over 1,500 tokens", "min_tokens", 1_500),
        ("more than 2 m tokens", "min_tokens", 2_000_000),
        ("under 100 tokens", "max_tokens", 100),
        ("cost over $1", "min_cost_usd", 1.0),
        ("below $0.25", "max_cost_usd", 0.25),
        ("last hour", "since_us", NOW_US - HOUR_US),
        ("in the past 2 days", "since_us", NOW_US - 2 * DAY_US),
        ("today", "since_us", TODAY_US),
        ("yesterday", "until_us", TODAY_US),
        ("since 2026-11-25", "since_us", TODAY_US),
        ("after 2026-11-24", "since_us", TODAY_US),
        ("before 2026-11-25", "until_us", TODAY_US),
        ("until 2026-11-24", "until_us", TODAY_US),
        ("failed", "is_error", True),
    ],
)
def test_a_clause_becomes_a_limit_and_no_word(text, field, limit):
    asked = read(text)

    assert getattr(asked, field) == limit
    assert asked.words == []
    assert asked.understood == [text]


def test_a_question_is_split_into_filters_names_and_words():
    asked = read("errors of bash last hour with claude-sonnet-4-5 about 'connection refused'")

    assert asked.is_error
    assert asked.since_us == NOW_US - HOUR_US
    assert (asked.tools, asked.models) == (["Bash"], ["claude-sonnet-4-5"])
    assert asked.words == ["connection", "refused"]
    assert asked.understood == ["last hour", "errors", "tool Bash", "model claude-sonnet-4-5"]


def test_a_day_without_a_word_is_that_whole_day():
    asked = read("deploy 2026-11-24")

    assert (asked.since_us, asked.until_us) == (TODAY_US - DAY_US, TODAY_US)
    assert asked.words == ["deploy"]


def test_since_yesterday_goes_on_until_now():
    asked = read("since yesterday")

    assert (asked.since_us, asked.until_us) == (TODAY_US - DAY_US, None)


def test_a_name_that_is_told_twice_filters_once():
    assert read("Bash bash").tools == ["Bash"]


@pytest.mark.parametrize("text", ["2026-02-30", "errors.py", "error-log", "today's", "blast hour"])
def test_what_only_looks_like_a_clause_stays_words(text):
    asked = read(text)

    assert asked.understood == []
    assert " ".join(asked.words).startswith(text.partition("'")[0])


def test_what_follows_the_bound_is_not_read():
    assert not read("x " * 1_000 + "errors").is_error


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    asked = read(text)

    assert all(asked.words)
