"""What a user wants taken out besides: words as they are written, and patterns between slashes.

``Blue Heron`` is taken out wherever it stands, in capitals or not; ``/ACME-[0-9]{6}/`` is a
regular expression. So that no text can hold up a write, an expression says how long its repeats
may be: ``{1,40}`` and not ``+``, no repeats of groups, no references back, no looking around.
"""

import json
import math
import re
from typing import Final

ENTRIES_LIMIT: Final = 100
ENTRY_LIMIT_CHARACTERS: Final = 200
# Ways to try at one position: 1,000 of them over 100,000 characters are about a second.
WAYS_LIMIT: Final = 1000

_ESCAPE_OR_SET: Final = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_QUANTIFIER: Final = re.compile(r"[*+]|\{(?P<least>\d*)(?P<comma>,?)(?P<most>\d*)\}|(?<!\()\?")
_SPECIAL_GROUP: Final = re.compile(r"\(\?(?!:)|\\[1-9]")


def parse_redaction_list(text: str) -> tuple[re.Pattern[str], ...]:
    """Return the patterns of a list: a JSON array of strings, or one entry a line.

    Raises:
        ValueError: An entry cannot be taken, and why.
    """
    entries = [entry.strip() for entry in _entries(text)]
    if len(entries) > ENTRIES_LIMIT:
        raise ValueError(f"it holds at most {ENTRIES_LIMIT} entries")
    return tuple(_pattern(entry) for entry in entries if entry)


def _entries(text: str) -> list[str]:
    try:
        found = json.loads(text)
    except ValueError:
        return text.splitlines()
    if isinstance(found, list) and all(isinstance(entry, str) for entry in found):
        return found
    return text.splitlines()


def _pattern(entry: str) -> re.Pattern[str]:
    # The messages do not repeat an entry: it is what nobody should read.
    if len(entry) > ENTRY_LIMIT_CHARACTERS:
        raise ValueError(f"an entry has at most {ENTRY_LIMIT_CHARACTERS} characters")
    if not (len(entry) > 2 and entry.startswith("/") and entry.endswith("/")):
        if len(entry) < 3:
            raise ValueError("a word to take out has at least 3 characters")
        return re.compile(re.escape(entry), re.IGNORECASE)
    look = entry[1:-1]
    _refuse_endless(look)
    try:
        pattern = re.compile(look)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"an expression between slashes is not one: {error}") from error
    if pattern.match(""):
        raise ValueError("an expression that fits an empty text would take out everything")
    return pattern


def _refuse_endless(look: str) -> None:
    """Refuse an expression that might try more than ``WAYS_LIMIT`` ways at one position."""
    plain = _ESCAPE_OR_SET.sub("x", look)
    if _SPECIAL_GROUP.search(plain) or re.search(r"\\[1-9]", look):
        raise ValueError("an expression has no (?...), and no reference back; (?:...) is fine")
    ways = _branches(plain)
    for quantifier in _QUANTIFIER.finditer(plain):
        if plain[: quantifier.start()].endswith(")") and quantifier[0] != "?":
            raise ValueError("a group is not repeated; only single characters and sets are")
        ways *= _choices(quantifier)
    if ways > WAYS_LIMIT:
        raise ValueError(f"it tries more than {WAYS_LIMIT} ways at a place; shorten its repeats")


def _branches(plain: str) -> int:
    """Return in how many ways branches may be chosen: those of each group multiply."""
    ways, open_groups = 1, [1]
    for character in plain:
        if character == "(":
            open_groups.append(1)
        elif character == "|":
            open_groups[-1] += 1
        elif character == ")" and len(open_groups) > 1:
            ways *= open_groups.pop()
    return ways * math.prod(open_groups)


def _choices(quantifier: re.Match[str]) -> int:
    """Return between how many counts of repeats a quantifier chooses."""
    if quantifier[0] == "?":
        return 2
    if quantifier["comma"] is None or (quantifier["comma"] and not quantifier["most"]):
        raise ValueError("repeats say how often at most: {1,40} instead of +, {0,40} instead of *")
    if not quantifier["comma"]:
        return 1
    return max(int(quantifier["most"][:6]) - int(quantifier["least"][:6] or 0) + 1, 1)
