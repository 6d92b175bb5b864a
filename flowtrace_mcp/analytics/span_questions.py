"""What a question about spans asks for: ``errors of Bash last hour slower than 5 s``.

Clauses that name a time, a duration, a count of tokens, a cost or a failure become limits, known
names of models and tools become filters, and what is left is words to search for. All days are
days of UTC. A clause is read once, and ``understood`` repeats it as it was written.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

NameKind = Literal["model", "tool"]

_QUESTION_CHARACTERS: Final = 2_000  # a question is a line, not a document
_SECOND_US: Final = 1_000_000
_DAY_US: Final = 86_400 * _SECOND_US
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS_US: Final = {
    "us": 1,
    "µs": 1,
    "microsecond": 1,
    "ms": 1_000,
    "millisecond": 1_000,
    "s": _SECOND_US,
    "sec": _SECOND_US,
    "second": _SECOND_US,
    "m": 60 * _SECOND_US,
    "min": 60 * _SECOND_US,
    "minute": 60 * _SECOND_US,
    "h": 3_600 * _SECOND_US,
    "hour": 3_600 * _SECOND_US,
    "d": _DAY_US,
    "day": _DAY_US,
    "week": 7 * _DAY_US,
}
_SCALES: Final = {"": 1, "k": 1_000, "m": 1_000_000}
_NUMBER: Final = r"\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,6})?"
_UNIT: Final = "|".join(sorted(_UNITS_US, key=len, reverse=True))
_TIME: Final = rf"(?P<number>{_NUMBER})\s*(?P<unit>{_UNIT})s?\b"
_MORE: Final = r"more than|over|above|at least|>=?"
_LESS: Final = r"less than|fewer than|under|below|at most|<=?"
_COMPARED: Final = rf"(?:(?P<more>{_MORE})|(?P<less>{_LESS}))"
_SLOWER: Final = rf"(?P<more>(?:slower|longer) than|(?:took\s+)?(?:{_MORE}))"
_FASTER: Final = rf"(?P<less>(?:faster|shorter) than|(?:took\s+)?(?:{_LESS}))"
_DAY: Final = r"(?P<day>(?:19|20|21)\d\d-\d\d-\d\d)"
_FILLERS: Final = frozenset(
    (
        *("a", "about", "all", "an", "and", "any", "by", "calls", "did", "find", "for", "from"),
        *("get", "in", "list", "me", "of", "on", "or", "show", "since", "spans", "that", "the"),
        *("took", "traces", "until", "were", "what", "where", "which", "with"),
    )
)
_WORD: Final = re.compile(r"[^\s\"'`?!,;()]+")


@dataclass(slots=True, kw_only=True)
class SpanQuestion:
    """The filters and words of a question; None means that it sets no such limit.

    ``since_us`` and the ``min_`` limits are included, ``until_us`` is not.
    """

    since_us: int | None = None
    until_us: int | None = None
    is_error: bool = False
    min_duration_us: int | None = None
    max_duration_us: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None
    models: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    understood: list[str] = field(default_factory=list)


_Reader = Callable[[SpanQuestion, "re.Match[str]", int], None]


def read_span_question(text: str, now_us: int, names: Mapping[str, NameKind]) -> SpanQuestion:
    """Return what a question asks for.

    Args:
        text: Any text; what follows the first 2,000 characters is not read.
        now_us: What ``last hour`` is counted from, in microseconds since the epoch.
        names: The models and tools that are known, as they are stored.
    """
    asked = SpanQuestion()
    rest = text[:_QUESTION_CHARACTERS]
    for pattern, read in _CLAUSES:
        rest = _take_clauses(rest, pattern, read, asked, now_us)
    _take_words(rest, names, asked)
    return asked


def _take_clauses(
    text: str, pattern: "re.Pattern[str]", read: _Reader, asked: SpanQuestion, now_us: int
) -> str:
    """Read every clause of one kind, and return the text without those that made sense."""

    def take(match: "re.Match[str]") -> str:
        try:
            read(asked, match, now_us)
        except (ValueError, OverflowError):  # 2026-02-30 is a word, not a day
            return match.group()
        asked.understood.append(" ".join(match.group().split()))
        return " "

    return pattern.sub(take, text)


def _take_words(text: str, names: Mapping[str, NameKind], asked: SpanQuestion) -> None:
    known = {name.lower(): (name, kind) for name, kind in names.items()}
    for word in _plain_words(text):
        found = known.get(word.lower())
        if found is None:
            if word.lower() not in _FILLERS:
                asked.words.append(word)
            continue
        name, kind = found
        listed = asked.models if kind == "model" else asked.tools
        if name not in listed:
            listed.append(name)
            asked.understood.append(f"{kind} {name}")


def _plain_words(text: str) -> Iterator[str]:
    return (word for match in _WORD.findall(text) if (word := match.strip(".:")))


def _read_error(asked: SpanQuestion, _match: "re.Match[str]", _now_us: int) -> None:
    asked.is_error = True


def _read_duration(asked: SpanQuestion, match: "re.Match[str]", _now_us: int) -> None:
    limit_us = round(_number(match["number"]) * _UNITS_US[match["unit"].lower()])
    if match["more"]:
        asked.min_duration_us = limit_us
    else:
        asked.max_duration_us = limit_us


def _read_tokens(asked: SpanQuestion, match: "re.Match[str]", _now_us: int) -> None:
    limit = round(_number(match["number"]) * _SCALES[match["scale"].lower()])
    if match["more"]:
        asked.min_tokens = limit
    else:
        asked.max_tokens = limit


def _read_cost(asked: SpanQuestion, match: "re.Match[str]", _now_us: int) -> None:
    if match["more"]:
        asked.min_cost_usd = _number(match["number"])
    else:
        asked.max_cost_usd = _number(match["number"])


def _read_past(asked: SpanQuestion, match: "re.Match[str]", now_us: int) -> None:
    count = _number(match["number"]) if match["number"] else 1.0
    asked.since_us = max(0, now_us - round(count * _UNITS_US[match["unit"].lower()]))


def _read_near_day(asked: SpanQuestion, match: "re.Match[str]", now_us: int) -> None:
    today_us = now_us - now_us % _DAY_US
    if match["word"].lower() == "today":
        asked.since_us = today_us
    else:
        asked.since_us = today_us - _DAY_US
        if not match["since"]:
            asked.until_us = today_us


def _read_day(asked: SpanQuestion, match: "re.Match[str]", _now_us: int) -> None:
    day = datetime.strptime(match["day"], "%Y-%m-%d").replace(tzinfo=UTC)
    start_us = (day - _EPOCH) // timedelta(microseconds=1)
    which = (match["which"] or "on").lower()
    if which in ("on", "since", "from"):
        asked.since_us = start_us
    if which in ("on", "until", "to"):
        asked.until_us = start_us + _DAY_US  # until a day means its end
    if which == "before":
        asked.until_us = start_us
    if which == "after":
        asked.since_us = start_us + _DAY_US


def _number(text: str) -> float:
    return float(text.replace(",", ""))


def _clause(pattern: str) -> "re.Pattern[str]":
    return re.compile(rf"(?<![\w.-]){pattern}", re.IGNORECASE)


# Tokens and cost come before durations: "more than 5 m tokens" is no time.
_CLAUSES: Final[tuple[tuple["re.Pattern[str]", _Reader], ...]] = (
    (
        _clause(rf"{_COMPARED}\s*(?P<number>{_NUMBER})\s*(?P<scale>[km]?)\s*tokens?\b"),
        _read_tokens,
    ),
    (
        _clause(rf"(?:cost(?:s|ing)?\s+)?{_COMPARED}\s*\$\s*(?P<number>{_NUMBER})(?!\w)"),
        _read_cost,
    ),
    (_clause(rf"(?:{_SLOWER}|{_FASTER})\s*{_TIME}"), _read_duration),
    (
        _clause(
            rf"(?:in the\s+)?(?:last|past)\s+(?:(?P<number>{_NUMBER})\s*)?"
            rf"(?P<unit>{_UNIT})s?\b"
        ),
        _read_past,
    ),
    (
        _clause(r"(?P<since>(?:since|from)\s+)?(?P<word>today|yesterday)\b(?!['\w-])"),
        _read_near_day,
    ),
    (_clause(rf"(?:(?P<which>on|since|from|after|before|until|to)\s+)?{_DAY}\b"), _read_day),
    (_clause(r"(?:errors?|failures?|failed|failing)\b(?![\w.-])"), _read_error),
)
