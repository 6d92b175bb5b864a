from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.analytics.question_dates import (
    CalendarDate,
    DaySpan,
    asked_dates,
    date_match,
    day_of,
)


def us(*day):
    return int(datetime(*day, 12, tzinfo=UTC).timestamp()) * 1_000_000


NOW_US = us(2026, 11, 25)  # a Wednesday


def span(first, last):
    return DaySpan(first=date(*first), last=date(*last))


@pytest.mark.parametrize(
    ("question", "dates"),
    [
        ("on 8 May 2023", [(2023, 5, 8)]),
        ("on the 8th of May, 2023", [(2023, 5, 8)]),
        ("on May 8, 2023", [(2023, 5, 8)]),
        ("on March 3rd", [(None, 3, 3)]),
        ("on 2023-05-08", [(2023, 5, 8)]),
        ("in 2023-05", [(2023, 5, None)]),
        ("in May 2023", [(2023, 5, None)]),
        ("in early march", [(None, 3, None)]),
        ("June plans", [(None, 6, None)]),
        ("the summer of 2022", [(2022, None, None)]),
        ("between 3 Jan and 9 Feb", [(None, 1, 3), (None, 2, 9)]),
        ("may I march on?", []),
        ("port 20230508, release 1.2022.3x", []),
        ("", []),
    ],
)
def test_calendar_dates_are_read(question, dates):
    expected = [CalendarDate(year=y, month=m, day=d) for y, m, d in dates]
    assert asked_dates(question, NOW_US) == expected


@pytest.mark.parametrize(
    ("question", "first", "last"),
    [
        ("what did we do yesterday", (2026, 11, 24), (2026, 11, 24)),
        ("the day before yesterday", (2026, 11, 23), (2026, 11, 23)),
        ("what broke today", (2026, 11, 25), (2026, 11, 25)),
        ("last Tuesday", (2026, 11, 24), (2026, 11, 24)),
        ("on Wednesday", (2026, 11, 18), (2026, 11, 18)),
        ("last week", (2026, 11, 16), (2026, 11, 22)),
        ("this week", (2026, 11, 23), (2026, 11, 29)),
        ("last weekend", (2026, 11, 21), (2026, 11, 22)),
        ("last month", (2026, 10, 1), (2026, 10, 31)),
        ("this month", (2026, 11, 1), (2026, 11, 25)),
        ("last year", (2025, 1, 1), (2025, 12, 31)),
        ("this year", (2026, 1, 1), (2026, 12, 31)),
        ("two days ago", (2026, 11, 23), (2026, 11, 23)),
        ("a couple of weeks ago", (2026, 11, 8), (2026, 11, 14)),
        ("in the past 10 days", (2026, 11, 15), (2026, 11, 25)),
    ],
)
def test_relative_dates_are_counted_from_now(question, first, last):
    assert asked_dates(question, NOW_US) == [span(first, last)]


@pytest.mark.parametrize(
    ("question", "day", "match"),
    [
        ("on 8 May 2023", (2023, 5, 8), 1),
        ("on 8 May 2023", (2023, 5, 9), 1),
        ("on 8 May 2023", (2023, 5, 20), 0.5),
        ("on 8 May 2023", (2024, 5, 8), 0),
        ("on 8 May", (2024, 5, 8), 1),
        ("in May", (2024, 5, 30), 0.5),
        ("in May", (2024, 6, 1), 0),
        ("in 2024", (2024, 6, 1), 0.5),
        ("last week", (2026, 11, 18), 1),
        ("last week", (2026, 11, 23), 0),
        ("last month", (2026, 10, 18), 0.5),
        ("yesterday", (2026, 11, 23), 1),
        ("yesterday", (2026, 11, 22), 0),
        ("in May or June", (2024, 6, 1), 0.5),
        ("no date", (2024, 6, 1), 0),
    ],
)
def test_a_moment_fits_the_best_of_the_dates_asked_for(question, day, match):
    assert date_match(asked_dates(question, NOW_US), us(*day)) == match


@given(st.text(max_size=60), st.integers(0, 4_000_000_000_000_000))
def test_any_text_is_read(question, when_us):
    assert 0 <= date_match(asked_dates(question, NOW_US), when_us) <= 1


@given(st.integers(1, 999), st.sampled_from(["day", "week", "month", "year"]))
def test_any_count_is_read(count, unit):
    (found,) = asked_dates(f"{count} {unit}s ago", NOW_US)
    assert isinstance(found, DaySpan)
    assert found.first <= found.last <= day_of(NOW_US)
