"""Token counts without a tokenizer: an estimate that stays above OpenAI's o200k.

The text is split the way o200k splits it. Each piece costs one token when it is one of the
common pieces of o200k's vocabulary in ``token_units.json``, else the cheapest way to put it
together from such pieces. The real tokenizer knows more pieces, so it seldom needs more.

Formula:
    estimate(text) = ceil(sum of piece costs + seam), and 0 for "".

The seam pays for what a cut can change at its edges, which gives the law that a running total
relies on: estimate(a + b) <= estimate(a) + estimate(b).
"""

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

ELLIPSIS: Final = "…"

# Costs are counted in tenths of a token.
_TOKEN: Final = 10
# A unit that does not begin its piece costs more: byte pair encoding joins greedily, so it
# needs more tokens for "catthe" than the two of "cat" and "the". The figures were raised until
# the search in scripts/make_token_corpus.mjs found next to nothing that is counted too low.
_INNER_LETTERS: Final = 17
_INNER_MARKS: Final = 16
_INNER_OTHER: Final = 14
# What joining two texts can add at the seam: the surcharge of an inner letter or mark, and the
# token that a mark costs when it leaves the word behind it for the marks before it.
_SEAM: Final = max(_INNER_LETTERS - _TOKEN, _INNER_MARKS)
_UNIT_CHARACTERS: Final = 14  # the longest unit in token_units.json
_CACHED_CHARACTERS: Final = 48
_CACHED_PIECES: Final = 16_384
_WORD_EDGE_CHARACTERS: Final = 24  # a cut goes back this far to end on a whole word

# o200k's own split, for ASCII: a word with the mark before it, three digits, a run of marks
# with the line ends after it, line ends, tabs. Everything else stands alone.
_PIECE: Final = re.compile(
    r"[\t -/:-@\[-`{-~]?(?:[A-Z]*[a-z]+|[A-Z]+)"
    r"|[0-9]{1,3}"
    r"| ?[!-/:-@\[-`{-~]+[\r\n/]*"
    r"| ?[\r\n]+"
    r"|\t+(?=\t)"
    r"|[^\x00-\x7f]+"
    r"|[\x00-\x20\x7f]"
)
# Spaces before the last one of a run are one token; a control character stands in for them.
_SPACES: Final = re.compile(r" {1,64}(?= )")
_SPACES_MARK: Final = "\x1f"
_DIGITS: Final = "0123456789"


@cache
def _units() -> frozenset[str]:
    """Return the pieces that are one token; ``scripts/make_token_units.mjs`` chose them."""
    table = json.loads(Path(__file__).with_name("token_units.json").read_text("utf-8"))
    spaced = (f" {word}" for word in table["spaced_words"].split(" "))
    return frozenset(
        (*table["words"].split(" "), *spaced, *table["marks"], *table["other"].split(" "))
    )


def _character_cost(character: str) -> int:
    if character.isascii() or character in _units():
        return _TOKEN
    if character < "\u0800":
        return 2 * _TOKEN
    if "\u4e00" <= character <= "\u9fa5":
        return 2 * _TOKEN + 1
    return 3 * _TOKEN if character <= "\uffff" else 4 * _TOKEN


def _inner_cost(last_character: str) -> int:
    if not last_character.isascii():
        return _INNER_OTHER
    return _INNER_LETTERS if last_character.isalpha() else _INNER_MARKS


def _assemble(piece: str) -> int:
    """Return the cheapest cost of a piece as a chain of units and single characters."""
    units = _units()
    surcharge = _inner_cost(piece[-1]) - _TOKEN
    costs = [-surcharge]  # the first unit pays none
    for end in range(1, len(piece) + 1):
        best = costs[-1] + _character_cost(piece[end - 1])
        for start in range(max(0, end - _UNIT_CHARACTERS), end - 1):
            cost = costs[start] + _TOKEN
            if cost < best and piece[start:end] in units:
                best = cost
        costs.append(best + surcharge)
    return costs[-1]


_assemble_cached: Final = lru_cache(_CACHED_PIECES)(_assemble)


def _piece_cost(piece: str) -> int:
    if piece in _units() or piece[0] in _DIGITS:
        return _TOKEN
    return _assemble_cached(piece) if len(piece) <= _CACHED_CHARACTERS else _assemble(piece)


def _cost(text: str) -> int:
    """Return the cost in tenths of a token of a text without runs of spaces."""
    return sum(map(_piece_cost, _PIECE.findall(text)))


def _chunk_cost(chunk: str) -> int:
    """Return the cost of what stands between two spaces, the first of them included."""
    return _cost(" " + chunk)


_chunk_cost_cached: Final = lru_cache(_CACHED_PIECES)(_chunk_cost)


def estimate_tokens(text: str) -> int:
    """Return how many tokens of o200k a text is, on the safe side.

    Of English, JSON and code it counts 10 to 20 % too many; of texts without spaces and of other
    scripts up to twice as many. Too few only of word parts glued together by chance, and then
    by a token or two. The estimate of joined texts is at most the sum of their estimates.
    """
    if not text:
        return 0
    if "  " in text:
        text = _SPACES.sub(_SPACES_MARK, text)
    first, *chunks = text.split(" ")
    tenths = _cost(first)
    if max(map(len, chunks), default=0) <= _CACHED_CHARACTERS:
        tenths += sum(map(_chunk_cost_cached, chunks))
    else:
        tenths += sum(
            _chunk_cost_cached(chunk) if len(chunk) <= _CACHED_CHARACTERS else _chunk_cost(chunk)
            for chunk in chunks
        )
    return -(-(tenths + _SEAM) // _TOKEN)


def cut_to_tokens(text: str, limit_tokens: int) -> tuple[str, bool]:
    """Return the longest beginning of a text that fits a limit, and whether it was cut.

    What was cut ends in an ellipsis, which the limit includes, and on a whole word when one
    ends near. When not even the ellipsis fits, nothing is left.

    Args:
        text: Any text.
        limit_tokens: The most that `estimate_tokens` may say of the result.
    """
    if _fits(text, limit_tokens):
        return text, False
    if not _fits(ELLIPSIS, limit_tokens):
        return "", True
    low, high = 0, min(len(text), 4 * limit_tokens)
    while high < len(text) and _fits(text[:high] + ELLIPSIS, limit_tokens):
        low, high = high, min(len(text), 2 * high)
    while high - low > 1:
        middle = (low + high) // 2
        if _fits(text[:middle] + ELLIPSIS, limit_tokens):
            low = middle
        else:
            high = middle
    return text[: _word_edge(text, low)].rstrip() + ELLIPSIS, True


def _fits(text: str, limit_tokens: int) -> bool:
    return estimate_tokens(text) <= limit_tokens


def _word_edge(text: str, end: int) -> int:
    """Return the end of the last whole word before ``end``, or ``end`` when none is near."""
    for edge in range(end, max(0, end - _WORD_EDGE_CHARACTERS), -1):
        if text[edge].isspace():
            return edge
    return end


class TokenBudget:
    r"""A limit in tokens that is filled piece by piece and never passed.

    By the law of `estimate_tokens`, all that was taken, joined, fits the limit too. Whatever
    joins the pieces belongs to them: take ``row + "\n"``, not ``row``.
    """

    def __init__(self, limit_tokens: int) -> None:
        self.limit_tokens: Final = limit_tokens
        self.used_tokens = 0

    @property
    def left_tokens(self) -> int:
        """Return how many tokens are left."""
        return self.limit_tokens - self.used_tokens

    def take(self, text: str) -> bool:
        """Count a text in when it still fits, and say whether it did."""
        cost = estimate_tokens(text)
        if cost > self.left_tokens:
            return False
        self.used_tokens += cost
        return True
