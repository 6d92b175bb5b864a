from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US, iso_time, parse_time_us
from tests.strategies import rough_texts, times_us

NINE_US = 1_795_338_000_000_000  # 2026-11-22T09:00:00Z

zones = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))


@given(times_us)
def test_microseconds_are_taken_as_number_and_as_text(when_us: int) -> None:
    assert parse_time_us(when_us) == when_us
    assert parse_time_us(f" {when_us} ") == when_us


@given(times_us, zones)
def test_iso_8601_is_exact_to_the_microsecond_in_every_zone(when_us: int, zone: timezone) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=when_us)

    assert parse_time_us(moment.astimezone(zone).isoformat()) == when_us


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T09:00:00Z",
        "2026-11-22T09:00:00+00:00",
        "2026-11-22 10:00:00+01:00",
        "20261122T090000Z",
        " 2026-11-22T09:00Z ",
    ],
)
def test_every_spelling_of_a_moment_is_the_same_time(text: str) -> None:
    assert parse_time_us(text) == NINE_US


@pytest.mark.parametrize("text", ["2026-11-22", "2026-11-22T09:30:00"])
def test_a_time_without_a_zone_is_local(text: str) -> None:
    local = datetime.fromisoformat(text).astimezone()

    assert parse_time_us(text) == round(local.timestamp() * 1e6)


def test_a_float_of_microseconds_loses_its_fraction() -> None:
    assert parse_time_us(NINE_US + 0.5) == NINE_US


@pytest.mark.parametrize("value", [EARLIEST_US, LATEST_US - 1])
def test_the_bounds_are_the_years_2000_to_2199(value: int) -> None:
    assert parse_time_us(value) == value


@pytest.mark.parametrize(
    "value",
    [
        EARLIEST_US - 1,
        LATEST_US,
        0,
        -1,
        NINE_US // 1000,
        NINE_US * 1000,
        float("nan"),
        float("inf"),
        "",
        "yesterday",
        "--5",
        "²",
        "2026-13-01",
        "0001-01-01",
        "9999-12-31T23:59:59-23:00",
        "9" * 5000,
    ],
)
def test_what_is_not_a_time_of_these_centuries_is_refused(value: str | float) -> None:
    with pytest.raises(InputError, match=r"since .* is not a time we take"):
        parse_time_us(value, name="since")


@given(rough_texts)
def test_any_text_is_a_time_or_a_refusal(text: str) -> None:
    with suppress(InputError):
        assert EARLIEST_US <= parse_time_us(text) < LATEST_US


@given(times_us)
def test_a_written_time_is_read_back_to_the_second(when_us: int) -> None:
    assert parse_time_us(iso_time(when_us)) == when_us - when_us % 1_000_000


def test_a_written_time_is_utc_with_a_z() -> None:
    assert iso_time(NINE_US) == "2026-11-22T09:00:00Z"
