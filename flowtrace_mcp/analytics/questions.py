"""What a question is after, and what a text is to one: rules about English wording alone."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.analytics.question_dates import AskedDate, asked_dates

_WORD: Final = re.compile(r"\w+")
_WHEN: Final = re.compile(
    r"^\s*when\b|\bhow long\b|\b(?:what|which) (?:date|day|week|month|year|time)\b|\bsince when\b"
)
_RECENT: Final = re.compile(
    r"\b(?:latest|newest|most recent(?:ly)?|currently|current|nowadays|these days|right now|now"
    r"|at the moment|at present|so far|up to date|last time)\b"
)
_TIME: Final = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|ago|last|next|weekend|recently|since|just"
    r"|this (?:past|week|month|year|morning)|(?:day|week|month|year)s?"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|may|june|july"
    r"|august|september|october|november|december|\d{4})\b",
    re.IGNORECASE,
)
_QUESTION_MARKS: Final = ("?", "\uff1f", "\u061f")  # full width and Arabic too


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question is after."""

    words: frozenset[str]  # in lower case
    is_when: bool  # a time is the answer
    is_recent: bool  # the latest of several is wanted
    dates: Sequence[AskedDate]


def read_question(question: str, now_us: int) -> Asked:
    """Return what a question is after.

    Args:
        question: Any text.
        now_us: The present, in microseconds since the epoch.
    """
    text = question.lower()
    return Asked(
        words=frozenset(_WORD.findall(text)),
        is_when=_WHEN.search(text) is not None,
        is_recent=_RECENT.search(text) is not None,
        dates=asked_dates(text, now_us),
    )


def is_question(text: str) -> bool:
    """Say whether a text ends in a question."""
    return text.rstrip().endswith(_QUESTION_MARKS)


def tells_time(text: str) -> bool:
    """Say whether a text holds a word of time: ``yesterday``, ``last week``, ``2023``."""
    return _TIME.search(text) is not None
