"""The words of a span, as its index keeps them and as a question is held against them.

The index knows only which words a span holds, not where they stand: each word is one token of
letters and digits, so an identifier is the words it is made of, together.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from flowtrace_mcp.analytics.words import identifier_terms, is_stop_word

WORDS_LIMIT: Final = 400  # of one span; some 4,000 characters of prose have as many
QUESTION_WORDS_LIMIT: Final = 32
_LONGEST: Final = 64  # characters; what is longer is data, not a word
_TOKEN: Final = re.compile(r"[^\W_]+")
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]{2,}")


def span_words(texts: Iterable[str]) -> list[str]:
    """Return the words by which a span is found, each once, at most `WORDS_LIMIT`.

    The words of a name are beside its whole: ``getUserById`` gives getuserbyid, get, user, by,
    id. Stop words are left out.
    """
    return list(islice(dict.fromkeys(_index_words(texts)), WORDS_LIMIT))


def question_words(words: Iterable[str]) -> list[str]:
    """Return the words that a span must hold, all of them, at most `QUESTION_WORDS_LIMIT`.

    A name asks for the words it is made of, however they are joined in the span. Where there are
    only stop words, nothing is asked for.
    """
    asked = dict.fromkeys(token for word in words for token in _asked_words(word))
    return list(islice(asked, QUESTION_WORDS_LIMIT))


def _index_words(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for piece in dict.fromkeys(_TOKEN.findall(text)):
            token = piece.lower()
            if len(token) > _LONGEST or is_stop_word(token):
                continue
            yield token
            if _is_mixed(piece):
                yield from _parts(piece)
            if not piece.isascii():
                for run in _UNSPACED.findall(piece):
                    yield from _pairs(run)


def _asked_words(word: str) -> Iterator[str]:
    for piece in _TOKEN.findall(word):
        token = piece.lower()
        if runs := _UNSPACED.findall(piece):
            for run in runs:
                yield from _pairs(run)
        elif _is_mixed(piece) and (parts := _parts(piece)):
            yield from parts
        elif len(token) <= _LONGEST and not is_stop_word(token):
            yield token


def _is_mixed(piece: str) -> bool:
    """Say whether the case changes within a name, which few do."""
    return not (piece.islower() or piece.isupper() or piece[1:].islower()) and piece.isascii()


def _parts(name: str) -> list[str]:
    """Return the words of two letters and more of a name in mixed case."""
    whole = name.lower()
    return [
        part
        for part in identifier_terms(name)
        if part != whole and len(part) <= _LONGEST and not is_stop_word(part)
    ]


def _pairs(run: str) -> Iterator[str]:
    return (run[at : at + 2] for at in range(len(run) - 1))
