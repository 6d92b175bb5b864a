"""Periods of a calendar, against the standard library's own calendar."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.model.periods import PERIODS, period_end_us, period_start_us
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US

NOW = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)  # a Thursday


def us(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("period", "start", "end"),
    [
        ("hourly", datetime(2024, 2, 29, 23, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        ("daily", datetime(2024, 2, 29, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
        ("weekly", datetime(2024, 2, 26, tzinfo=UTC), datetime(2024, 3, 4, tzinfo=UTC)),
        ("monthly", datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC)),
    ],
)
def test_a_period_begins_and_ends_where_the_calendar_says(period, start, end):
    assert period_start_us(period, us(NOW)) == us(start)
    assert period_end_us(period, us(NOW)) == us(end)


@pytest.mark.parametrize("period", ["total", "trace"])
def test_all_time_and_a_trace_have_neither(period):
    assert (period_start_us(period, us(NOW)), period_end_us(period, us(NOW))) == (0, None)


@given(st.sampled_from(PERIODS[1:5]), st.integers(EARLIEST_US, LATEST_US - 1))
def test_a_time_lies_in_its_period_and_the_next_begins_where_it_ends(period, now_us):
    start_us, end_us = period_start_us(period, now_us), period_end_us(period, now_us)

    assert end_us is not None
    assert start_us <= now_us < end_us
    assert period_start_us(period, end_us - 1) == start_us
    assert period_start_us(period, end_us) == end_us


@given(st.integers(EARLIEST_US, LATEST_US - 1))
def test_weeks_begin_on_mondays(now_us):
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        microseconds=period_start_us("weekly", now_us)
    )

    assert start.weekday() == 0
