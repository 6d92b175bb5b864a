"""Dates in a question: ``in May 2023``, ``on 8 May``, ``last Tuesday``, ``three weeks ago``.

A date without a year means that day or month of any year: a question about a long conversation
seldom names the year. ``may`` and ``march`` are months only beside a number or after a word such
as ``in``. All days are days of UTC.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

_MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan",
            "february feb",
            "march mar",
            "april apr",
            "may",
            "june jun",
            "july jul",
            "august aug",
            "september sept sep",
            "october oct",
            "november nov",
            "december dec",
        ),
        1,
    )
    for name in names.split()
}
# Other words are spelled like these, so they need company.
_DOUBTFUL: Final = frozenset(("march", *(name for name in _MONTHS if len(name) == 3)))
_BEFORE_MONTHS: Final = re.compile(
    r"\b(?:in|of|since|until|by|during|early|late|mid|last|this)[\s-]+$"
)
_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NUMBERS: Final = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "couple of": 2,
    "a couple of": 2,
    "three": 3,
    "few": 3,
    "a few": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}
_UNIT_DAYS: Final = {"day": 1, "week": 7, "month": 30, "year": 365}

_MONTH: Final = "|".join(_MONTHS)
_YEAR: Final = r"(?:19|20)\d\d"
_DAY: Final = r"\d{1,2}"
_COUNT: Final = r"\d{1,3}|" + "|".join(sorted(_NUMBERS, key=len, reverse=True))
_UNIT: Final = "|".join(_UNIT_DAYS)
_CALENDAR: Final = re.compile(
    rf"\b(?P<iso_year>{_YEAR})-(?P<iso_month>\d\d)(?:-(?P<iso_day>\d\d))?\b"
    rf"|\b(?P<day>{_DAY})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{_MONTH})\b(?:,?\s+(?P<year>{_YEAR})\b)?"
    rf"|\b(?P<month_2>{_MONTH})\s+(?P<day_2>{_DAY})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year_2>{_YEAR})\b)?"
    rf"|\b(?P<month_3>{_MONTH}),?\s+(?:of\s+)?(?P<year_3>{_YEAR})\b"
    rf"|\b(?P<month_4>{_MONTH})\b"
    rf"|(?<![\w./:-])(?P<year_5>{_YEAR})(?![\w/:-]|\.\d)"
)
_RELATIVE: Final = re.compile(
    rf"\b(?P<ago>{_COUNT})\s+(?P<ago_unit>{_UNIT})s?\s+ago\b"
    rf"|\b(?:last|past|previous)\s+(?P<past>{_COUNT})\s+(?P<past_unit>{_UNIT})s\b"
    rf"|\b(?P<which>last|past|previous|this)\s+(?P<unit>week(?:end)?|month|year|{'|'.join(_WEEKDAYS)})\b"
    rf"|\bon\s+(?P<weekday>{'|'.join(_WEEKDAYS)})\b"
    r"|\b(?P<word>the day before yesterday|yesterday|today|this morning|tonight)\b"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_DAYS: Final = 8
_NEAR_DAYS: Final = 1
_IN_LONG_TIME: Final = 0.5  # a whole month says half as much as a day


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarDate:
    """A day, a month or a year; what is None was not named."""

    year: int | None = None
    month: int | None = None
    day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpan:
    """The days from one to another, both included."""

    first: date
    last: date


AskedDate = CalendarDate | DaySpan


def asked_dates(question: str, now_us: int) -> list[AskedDate]:
    """Return the dates that a question names, in the order of their kinds.

    Args:
        question: Any text.
        now_us: What ``last week`` is counted from, in microseconds since the epoch.
    """
    text = question.lower()
    today = day_of(now_us)
    calendar = [_calendar_date(match) for match in _CALENDAR.finditer(text)]
    spans = [_day_span(match, today) for match in _RELATIVE.finditer(text)]
    return [found for found in (*calendar, *spans) if found is not None]


def date_match(asked: Sequence[AskedDate], when_us: int) -> float:
    """Return how well a moment fits the best of the dates asked for, 0 to 1.

    1 on the day asked for, the one before or after it, or within a week asked for; 0.5 within a
    longer time, or in the month of a day asked for.
    """
    if not asked:
        return 0.0
    day = day_of(when_us)
    return max(_fit(one, day) for one in asked)


def day_of(moment_us: int) -> date:
    """Return the day of a moment in microseconds since the epoch."""
    return (_EPOCH + timedelta(microseconds=moment_us)).date()


def _calendar_date(match: "re.Match[str]") -> CalendarDate | None:
    named = match.groupdict()

    def first(*names: str) -> str | None:
        return next((named[name] for name in names if named[name]), None)

    year = first("iso_year", "year", "year_2", "year_3", "year_5")
    month = first("month", "month_2", "month_3", "month_4")
    day = first("iso_day", "day", "day_2")
    if month is None:
        number = int(named["iso_month"]) if named["iso_month"] else None
    elif month in _DOUBTFUL and not (year or day or _is_announced(match)):
        return None
    else:
        number = _MONTHS[month]
    return CalendarDate(
        year=int(year) if year else None, month=number, day=int(day) if day else None
    )


def _is_announced(match: "re.Match[str]") -> bool:
    return _BEFORE_MONTHS.search(match.string, max(0, match.start() - 8), match.start()) is not None


def _day_span(match: "re.Match[str]", today: date) -> DaySpan | None:
    named = match.groupdict()
    if named["ago"]:
        days = _count(named["ago"]) * _UNIT_DAYS[named["ago_unit"]]
        slack = _UNIT_DAYS[named["ago_unit"]] // 2
        return _span(today, days + slack, days - slack)
    if named["past"]:
        return _span(today, _count(named["past"]) * _UNIT_DAYS[named["past_unit"]], 0)
    if named["word"]:
        back = {"the day before yesterday": 2, "yesterday": 1}.get(named["word"], 0)
        return _span(today, back, back)
    weekday = named["weekday"] or named["unit"]
    if weekday in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(weekday)) % 7 or 7
        return _span(today, back, back)
    return _named_span(named["unit"], today, is_this=named["which"] == "this")


def _named_span(unit: str, today: date, *, is_this: bool) -> DaySpan:
    """Return this or the last week, weekend, month or year."""
    if unit.startswith("week"):
        monday = today - timedelta(days=today.weekday() + (0 if is_this else 7))
        first = monday + timedelta(days=5 if unit == "weekend" else 0)
        return DaySpan(first=first, last=monday + timedelta(days=6))
    if unit == "month":
        last = today if is_this else today.replace(day=1) - timedelta(days=1)
        return DaySpan(first=last.replace(day=1), last=last)
    year = today.year if is_this else today.year - 1
    return DaySpan(first=date(year, 1, 1), last=date(year, 12, 31))


def _span(today: date, first_back: int, last_back: int) -> DaySpan:
    return DaySpan(first=today - timedelta(days=first_back), last=today - timedelta(days=last_back))


def _count(text: str) -> int:
    return _NUMBERS[text] if text in _NUMBERS else int(text)


def _fit(asked: AskedDate, day: date) -> float:
    if isinstance(asked, DaySpan):
        days = (asked.last - asked.first).days + 1
        slack = timedelta(days=_NEAR_DAYS if days == 1 else 0)
        is_inside = asked.first - slack <= day <= asked.last + slack
        return (1.0 if days <= _SHORT_DAYS else _IN_LONG_TIME) * is_inside
    if asked.year not in (None, day.year) or asked.month not in (None, day.month):
        return 0.0
    is_day = asked.day is not None and abs(asked.day - day.day) <= _NEAR_DAYS
    return 1.0 if is_day else _IN_LONG_TIME
