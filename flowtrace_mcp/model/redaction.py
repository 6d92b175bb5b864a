"""Secrets taken out of text before it reaches the disk, and before it is shown or leaves.

Four passes: ``<private>`` passages, what the user listed, what issuers' keys look like, then
what only its surroundings (``password=``) or its randomness tell. A text without secrets costs
about 50 µs for 500 characters (``bench/redaction.py``), and no text costs more than a few looks
at each of its characters.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from flowtrace_mcp.model.assigned_secrets import redact_assigned
from flowtrace_mcp.model.random_strings import may_hold_random, redact_random
from flowtrace_mcp.model.secret_patterns import (
    ISSUED_LEAST_CHARACTERS,
    ISSUER_PATTERNS,
    TOLD_PATTERNS,
    SecretPattern,
)

OwnPatterns: TypeAlias = Sequence[re.Pattern[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """Text without its secrets, and how many were taken out."""

    text: str
    count: int


ROUNDS_LIMIT: Final = 5
SECRET_LEAST_CHARACTERS: Final = 7  # ://a:b@
Hinted: TypeAlias = Sequence[tuple[str, SecretPattern]]

_TOLD: Final = [(hint, pattern) for pattern in TOLD_PATTERNS for hint in pattern.hints]
_ISSUED: Final = [(hint, pattern) for pattern in ISSUER_PATTERNS for hint in pattern.hints]
_PRIVATE: Final = re.compile(r"<private>.*?(?:</private>|\Z)", re.DOTALL | re.IGNORECASE)
_MARK: Final = re.compile(r"\[redacted:[a-z0-9-]{1,40}\]|\[private\]")


def redact(text: str, own: OwnPatterns = ()) -> Redacted:
    """Replace secrets by ``[redacted:kind]`` and private passages by ``[private]``.

    Args:
        text: Any text; what is marked in it already stays as it is.
        own: What the user listed besides; see ``redaction_list``.
    """
    if len(text) < SECRET_LEAST_CHARACTERS and not own:
        return Redacted(text=text, count=0)
    rounds = list(islice(_rounds(text, own), ROUNDS_LIMIT))
    return Redacted(text=rounds[-1][0], count=sum(count for _, count in rounds))


def _rounds(text: str, own: OwnPatterns) -> Iterator[tuple[str, int]]:
    """Yield the text after each round; a mark in place of a secret may bare the next one's begin."""
    count = 1
    while count:
        text, count = _redact_once(text, own)
        yield text, count


def _redact_once(text: str, own: OwnPatterns) -> tuple[str, int]:
    count = 0
    if "<" in text:
        text, count = _PRIVATE.subn("[private]", text)
    for pattern in own:
        text, found = _redact_own(text, pattern)
        count += found
    text, found = _redact_known(text, _TOLD, text)
    count += found
    long_words = [word for word in text.split() if len(word) >= ISSUED_LEAST_CHARACTERS]
    if long_words:
        text, found = _redact_known(text, _ISSUED, " ".join(long_words))
        count += found
    text, found = redact_assigned(text)
    count += found
    if any(map(may_hold_random, long_words)):
        text, found = redact_random(text)
        count += found
    return text, count


def _redact_known(text: str, hinted: Hinted, told: str) -> tuple[str, int]:
    """Replace what patterns find; only those are tried that have a hint in ``told``."""
    count = 0
    for pattern in dict.fromkeys([pattern for hint, pattern in hinted if hint in told]):
        text, found = pattern.look.subn(f"[redacted:{pattern.kind}]", text)
        count += found
    return text, count


def _redact_own(text: str, pattern: re.Pattern[str]) -> tuple[str, int]:
    """Replace what the user listed, but in no mark: a mark may hold a listed word."""
    count = 0
    parts: list[str] = []
    begin = 0
    for mark in [*_MARK.finditer(text), None]:
        end = len(text) if mark is None else mark.start()
        part, found = pattern.subn("[redacted:listed]", text[begin:end])
        parts.append(part)
        count += found
        if mark is not None:
            parts.append(mark[0])
            begin = mark.end()
    return "".join(parts), count
