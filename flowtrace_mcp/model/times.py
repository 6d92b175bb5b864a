"""Points in time: microseconds since the epoch inside, ISO 8601 or numbers outside."""

from datetime import UTC, datetime, timedelta
from typing import Final

from flowtrace_mcp.errors import InputError

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US
EARLIEST_US: Final = 946_684_800_000_000  # 2000-01-01
LATEST_US: Final = 7_258_118_400_000_000  # 2200-01-01
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def parse_time_us(value: str | float, *, name: str = "time") -> int:
    """Return microseconds since the epoch from a number of them or ISO 8601 text.

    A date or time without a zone is local time of this machine, as a person means it.

    Raises:
        InputError: Not a time, or outside the years 2000 to 2200.
    """
    try:
        if isinstance(value, str) and not value.strip().lstrip("-").isdigit():
            moment = datetime.fromisoformat(value.strip())
            when_us = (moment.astimezone(UTC) - _EPOCH) // _MICROSECOND
        else:
            when_us = int(value)
    except (ValueError, OverflowError, OSError):  # OSError: Windows, local times before 1970
        when_us = -1
    if not EARLIEST_US <= when_us < LATEST_US:
        raise InputError(
            f"{name} {str(value)[:40]!r} is not a time we take",
            why="it is ISO 8601 or microseconds since 1970, in the years 2000 to 2199",
            mend="write it like 2026-11-22T09:00:00+00:00",
        )
    return when_us


def iso_time(when_us: int) -> str:
    """Return ISO 8601 in UTC with a Z, to the second."""
    moment = _EPOCH + timedelta(microseconds=when_us)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
