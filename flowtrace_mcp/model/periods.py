"""Periods of a calendar in UTC: in which one a time lies, where it begins and ends."""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, get_args

from flowtrace_mcp.model.times import DAY_US, HOUR_US

Period = Literal["total", "hourly", "daily", "weekly", "monthly", "trace"]
PERIODS: Final[tuple[Period, ...]] = get_args(Period)

_FIRST_MONDAY_US: Final = 4 * DAY_US  # 1970-01-05
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
# Any day of a month and so many more lies in the next month.
_INTO_NEXT_MONTH: Final = timedelta(days=32)


def period_start_us(period: str, now_us: int) -> int:
    """Return where the period of a time begins; 0 for one that has no beginning."""
    match period:
        case "hourly":
            return now_us - now_us % HOUR_US
        case "daily":
            return now_us - now_us % DAY_US
        case "weekly":  # from Monday on, as ISO 8601 has it
            return now_us - (now_us - _FIRST_MONDAY_US) % (7 * DAY_US)
        case "monthly":
            return _since_epoch_us(_month_of(_EPOCH + timedelta(microseconds=now_us)))
        case _:
            return 0


def period_end_us(period: str, now_us: int) -> int | None:
    """Return where the period of a time ends, None for one that has no end."""
    start_us = period_start_us(period, now_us)
    match period:
        case "hourly":
            return start_us + HOUR_US
        case "daily":
            return start_us + DAY_US
        case "weekly":
            return start_us + 7 * DAY_US
        case "monthly":
            first = _EPOCH + timedelta(microseconds=start_us)
            return _since_epoch_us(_month_of(first + _INTO_NEXT_MONTH))
        case _:
            return None


def _month_of(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _since_epoch_us(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
