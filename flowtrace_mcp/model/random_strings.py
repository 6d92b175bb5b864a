"""Strings that look drawn at random: keys without a prefix, among hashes, ids and names.

Hashes and UUIDs are of one case, names and paths are made of words, encoded files are long.
What is left of 24 to 128 characters, with capitals, small letters and digits in no order, is
a key more often than not.
"""

import re
from itertools import pairwise
from typing import Final

LEAST_CHARACTERS: Final = 24
MOST_CHARACTERS: Final = 128  # longer ones are encoded files; the keys of issuers have patterns
# Of letters next to each other: 0.6 in random base 62, 0.2 to 0.35 in camelCase and paths.
LEAST_CHANGES: Final = 0.42
LEAST_DIGIT_GROUPS: Final = 2
LEAST_DISTINCT: Final = 12
_URL_LOOKBACK_CHARACTERS: Final = 300
# So many characters have no word of them all; a run is taken whole or not at all.
_RUN: Final = re.compile(r"[A-Za-z0-9+/_=-]{24,}+")
_DIGITS: Final = re.compile("[0-9]+")
_WORDS: Final = re.compile("[A-Z]?[a-z]{3,}|[A-Z]{5,}")
_MOST_IN_WORDS: Final = 0.5
# What is public by its name: hashes of packages, ids of calls and things, public keys, images.
_PUBLIC_BEGINS: Final = (
    *("sha1-", "sha256-", "sha384-", "sha512-", "AAAAB3NzaC1", "AAAAC3NzaC1", "AAAAE2VjZHNh"),
    *("toolu_", "srvtoolu_", "msg_", "req_", "call_", "chatcmpl-", "resp_", "run_", "asst_"),
    *("thread_", "file-", "batch_", "cus_", "sub_", "price_", "prod_", "evt_", "pi_", "gen-"),
    *("iVBORw0KGgo", "/9j/", "R0lGOD", "UklGR", "PHN2Zy", "d09G", "_ZN", "_R", "JVBERi0"),
)
_PUBLIC_BEFORE: Final = ("SHA256:", "sha256:", "sha512:", "h1:", "base64,", "CERTIFICATE-----\n")
_WRAPPED_CHARACTERS: Final = 60
_WRAPPED: Final = re.compile(f"[A-Za-z0-9+/=]{{{_WRAPPED_CHARACTERS},76}}")
_IPFS: Final = re.compile("Qm[1-9A-HJ-NP-Za-km-z]{44}")


def may_hold_random(word: str) -> bool:
    """Say, cheaply, whether a word without blanks is worth a search: most hold no capital."""
    return (
        len(word) >= LEAST_CHARACTERS and word.lower() != word and _DIGITS.search(word) is not None
    )


def redact_random(text: str) -> tuple[str, int]:
    """Replace strings that look random by ``[redacted:random]``; return how many they were."""
    count = 0
    parts: list[str] = []
    end = 0
    for run in _RUN.finditer(text):
        if is_random(run[0]) and not _is_public(text, run.start(), run[0]):
            parts += (text[end : run.start()], "[redacted:random]")
            end = run.end()
            count += 1
    return ("".join(parts) + text[end:], count) if count else (text, 0)


def is_random(run: str) -> bool:
    """Say whether a string of letters, digits and ``+/_=-`` looks drawn at random.

    Formula:
        Changes between capital, small letter and digit, over pairs of neighbours that are
        one of these. Drawn from base 62 the expected share is 1 - (26² + 26² + 10²) / 62² = 0.62.
    """
    body = run.rstrip("=")
    if not LEAST_CHARACTERS <= len(body) <= MOST_CHARACTERS or body.lower() == body:
        return False
    if len(set(body)) < LEAST_DISTINCT or len(_DIGITS.findall(body)) < LEAST_DIGIT_GROUPS:
        return False
    if sum(map(len, _WORDS.findall(body))) > _MOST_IN_WORDS * len(body):
        return False
    return _change_share(body) >= LEAST_CHANGES


def _change_share(body: str) -> float:
    classes = [
        "d" if one.isdigit() else "u" if one.isupper() else "l" if one.islower() else ""
        for one in body
    ]
    if not {"d", "u", "l"} <= set(classes):
        return 0.0
    pairs = [(left, right) for left, right in pairwise(classes) if left and right]
    return sum(left != right for left, right in pairs) / len(pairs) if pairs else 0.0


def _is_public(text: str, start: int, run: str) -> bool:
    if run.startswith(_PUBLIC_BEGINS) or _IPFS.fullmatch(run):
        return True
    before = text[max(0, start - _URL_LOOKBACK_CHARACTERS) : start]
    if before.endswith(_PUBLIC_BEFORE):
        return True
    if len(run) >= _WRAPPED_CHARACTERS and _is_wrapped(text, start, start + len(run)):
        return True
    chunk = before.split()[-1] if before and not before[-1].isspace() else ""
    return "://" in chunk and "=" not in chunk


def _is_wrapped(text: str, start: int, end: int) -> bool:
    """Say whether a run is one line of an encoded file: the line above or below is like it."""
    above = text[max(0, start - _URL_LOOKBACK_CHARACTERS) : start].splitlines()[-1:]
    below = text[end : end + _URL_LOOKBACK_CHARACTERS].lstrip("\n").partition("\n")[0]
    return any(_WRAPPED.fullmatch(line.strip()) for line in (*above, below))
