"""Words to search by: from plain text, from code, and as a full-text query that cannot break.

What is stored and what is asked are cut by the same functions, so both sides agree on what a
term is. All terms are lower case, without doubles, in the order of the text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

LIMIT_QUERY_TERMS: Final = 32
LIMIT_FTS_TERMS: Final = 64
LIMIT_IDENTIFIER_TERMS: Final = 512
_LIMIT_TERM_CHARACTERS: Final = 512

# Words that say nothing about the subject. "get", "new" and "set" are no such words in code.
_STOP_TEXT: Final = """
a about after again all also am an and any are as at be because been before being both but by
can cannot could d did do does doing don done each for from had has have having he her here
hers him his how i if in into is isn it its just let ll m may me might mine more most must my
no nor not of off on once only or other our ours out over own please re s shall she should so
some such t than that the their theirs them then there these they this those through to too
under until up us ve very was wasn we were what when where which while who whom whose why
will with would you your yours
"""
_STOP_WORDS: Final = frozenset(_STOP_TEXT.split())
# Everything but blanks, punctuation, symbols and lone surrogates. Not \w: that breaks Indic and
# Thai words at their vowel signs, while a quoted whole is a phrase to FTS5.
_WORD: Final = re.compile(
    r"[^\s\x00-/:-@\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7"
    r"\u2000-\u2bff\u3000-\u303f\ud800-\udfff\ufe30-\ufe4f\uff00-\uff0f\uff1a-\uff20]+"
)
_NAME: Final = re.compile(r"[\w.:/\\@#$+-]+")
_NAME_EDGES: Final = ".:/\\@#$+-"
_JOINTS: Final = re.compile(r"[^\w-]+")  # between the segments of a path or a dotted name
_WORD_JOINTS: Final = re.compile(r"[_-]+")  # between the words of one segment
_HEX_CODE: Final = re.compile(r"0[xX][0-9a-fA-F]+")
# Scripts written without blanks: their runs are searched by pairs of characters.
_UNSPACED: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3]{2,}")


def is_stop_word(word: str) -> bool:
    """Say whether a word in small letters says nothing about the subject."""
    return word in _STOP_WORDS


def query_terms(text: str) -> list[str]:
    """Return the words of a question, without stop words, at most `LIMIT_QUERY_TERMS`."""
    return _distinct((word for word in _words(text) if word not in _STOP_WORDS), LIMIT_QUERY_TERMS)


def identifier_terms(text: str) -> list[str]:
    """Return the names in a text, whole and in parts, at most `LIMIT_IDENTIFIER_TERMS`.

    A name is a word with joints or changes of case: ``getUserById``, ``user_by_id``,
    ``os.path``, ``src/app.py``, ``ERR_CONN_REFUSED``, ``E0425``, ``0x80070005``. It gives itself,
    its segments, each segment without joints, and its words of two letters and more:
    ``a/getUser_id`` gives ``a/getuser_id getuser_id getuserid get user id``. Runs of scripts
    without blanks give their pairs of characters. Plain words give nothing.
    """
    return _distinct(_identifier_terms(text), LIMIT_IDENTIFIER_TERMS)


def search_terms(text: str) -> list[str]:
    """Return the words and names to search for, at most `LIMIT_FTS_TERMS`.

    Stop words are searched only when the text holds nothing else.
    """
    names = (term for term in identifier_terms(text) if term not in _STOP_WORDS)
    terms = [*query_terms(text), *names]
    return _distinct(terms or _words(text), LIMIT_FTS_TERMS)


def any_of(terms: Sequence[str]) -> str:
    """Return an FTS5 MATCH expression for rows of any project that hold one of some terms.

    Every term is quoted, so that no input is read as syntax.
    """
    return f"{{body identifiers}} : ({' OR '.join(map(quoted, terms))})"


def fts_query(terms: Sequence[str], project_tokens: Sequence[str]) -> str | None:
    """Return an FTS5 MATCH expression over ``body`` and ``identifiers`` of some projects.

    Args:
        terms: From ``search_terms``.
        project_tokens: Words one of which stands in column ``project`` of the rows to search.

    Returns:
        ``project : ("p7" OR "p0") AND {body identifiers} : ("a" OR "b")``, or None when there
        is nothing to search for.
    """
    if not terms:
        return None
    return f"project : ({' OR '.join(map(quoted, project_tokens))}) AND {any_of(terms)}"


def _words(text: str) -> Iterator[str]:
    words = (word.lower() for word in _WORD.findall(text))
    return (word for word in words if any(map(str.isalnum, word)))


def _distinct(terms: Iterable[str], limit: int) -> list[str]:
    short = (term for term in terms if len(term) <= _LIMIT_TERM_CHARACTERS)
    return list(islice(dict.fromkeys(short), limit))


def quoted(term: str) -> str:
    """Return a term as an FTS5 string, which no character of it can end."""
    return '"' + term.replace('"', '""') + '"'


def _identifier_terms(text: str) -> Iterator[str]:
    for match in _NAME.findall(text):
        name = match.strip(_NAME_EDGES)
        if name.isascii() and name.isalpha() and name[1:].islower():
            continue  # a plain word, as most are
        segments = [segment for segment in _JOINTS.split(name) if segment.strip("_-")]
        parts = [part for segment in segments for part in _parts(segment)]
        if len(parts) > 1 or any(map(str.isdigit, name)):
            yield name.lower()
            for segment in segments:
                yield segment.lower()
                yield _WORD_JOINTS.sub("", segment).lower()
            yield from (part.lower() for part in parts if len(part) > 1)
        for run in _UNSPACED.findall(name):
            yield from (run[at : at + 2] for at in range(len(run) - 1))


def _parts(segment: str) -> list[str]:
    """Return the words of one segment; an error code is one word."""
    words = [word for word in _WORD_JOINTS.split(segment) if word]
    return [
        part
        for word in words
        for part in ([word] if _HEX_CODE.fullmatch(word) else _case_parts(word))
    ]


def _case_parts(word: str) -> list[str]:
    """Split ``parseHTTPResponse2xx`` into parse, HTTP, Response2, xx."""
    starts = [0]
    for at in range(1, len(word)):
        before, here, behind = word[at - 1], word[at], word[at + 1 : at + 2]
        is_new_word = here.isupper() and not before.isupper()
        is_end_of_acronym = before.isupper() and here.isupper() and behind.islower()
        is_after_number = before.isdigit() and not here.isdigit()
        if is_new_word or is_end_of_acronym or is_after_number:
            starts.append(at)
    return [word[start:end] for start, end in zip(starts, [*starts[1:], len(word)], strict=True)]
