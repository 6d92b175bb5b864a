"""How recall orders what the text and the vector search found: weighted signals, context, cuts.

Formula:
    d = cosine similarity, 0 when the vector search has no answer for the memory
    b = bm25 / (largest bm25 among the candidates)
    strength = d + L * b
    coverage = (rarity of the question's words that the memory holds) / (rarity of all of them)
    around = what the memories around it in the session add to that, less the further away
    own = d + M * b, with M below L: coverage weighs the words too
    score = sum of weight * signal, see `Signals` and `Weights`

The rarity of a word is its inverse document frequency in the project, see `rarity`. Weighted
scores, not reciprocal ranks, which forget how near a memory is. The figures stand in
docs/recall.md.
"""

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter, itemgetter, mul
from typing import Final, NamedTuple, TypeVar

from flowtrace_mcp.analytics.question_dates import date_match
from flowtrace_mcp.analytics.questions import Asked, is_question, read_question, tells_time

_WORD: Final = re.compile(r"\w+")
_RECENT_STRENGTH: Final = 0.5  # share of the largest strength from which recency is looked at
# What a word counts that only a memory so many steps away in the session holds.
_AROUND: Final = ((-2, 0.45), (-1, 0.7), (1, 0.6), (2, 0.4))
_Item = TypeVar("_Item")
_key: Final = attrgetter("key")
_score: Final = attrgetter("score")
_NONE: Final = repeat(0.0)


class Signals(NamedTuple):
    """What speaks for a memory, each about 0 to 1.

    A tuple, as `Candidate` and `Ranked` are, for hundreds are made for each question: frozen
    classes take three times as long.
    """

    own: float  # d + M * b
    session: float  # the largest of these in its session; without a session, its own
    coverage: float  # share of the question's words that it holds
    around: float  # share that only the memories around it hold
    answers: float  # cosine of the memory before it, when that one is a question
    date: float  # its date fits one that the question names
    time: float  # the question asks when, and the text tells a time
    author: float  # the question names who wrote it
    question: float  # the text is itself a question
    recency: float  # the question asks for the latest: 1 for the newest of the strong ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each of the `Signals` counts, in cosines; bench/locomo.py fits and checks them.

    ``recency`` is set by hand: no question of the data asks for the latest.
    """

    own: float = 0.4
    session: float = 0.6
    coverage: float = 0.5
    around: float = 0.8
    answers: float = 0.3
    date: float = 0.6
    time: float = 0.3
    author: float = 0.1
    question: float = -0.1
    recency: float = 0.15


DEFAULT_WEIGHTS: Final = Weights()
# The same names on both sides, so that each weight meets its signal.
_shares: Final = attrgetter(*Signals._fields)
# L: without the other signals the best single value for dialogue, 0.4 alone, and code, 0.2 alone.
TEXT_WEIGHT: Final = 0.3
# M: on long dialogues 0.3 finds half a point more, among functions 0.1 a point (bench/locomo.py,
# bench/code_search.py).
OWN_TEXT_WEIGHT: Final = 0.15


class Candidate(NamedTuple):
    """A memory that a search found, with what each search said of it."""

    key: int  # any number that is the memory's alone
    dense: float | None  # cosine similarity, -1 to 1; None = not found by vectors
    bm25: float | None  # higher is better, at least 0; None = not found by text
    session: int  # 0 = none: such memories have no neighbours and no session
    sequence: int  # place in its session
    author: str = ""
    when_us: int = 0  # since when it is held true
    text: str = ""  # its beginning, a few hundred characters

    @property
    def place(self) -> tuple[int, int]:
        """Return where it stands."""
        return (self.session, self.sequence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A word of the question."""

    rarity: float
    keys: Collection[int]  # of the memories that hold it


class Ranked(NamedTuple):
    """A memory in its place."""

    key: int
    score: float  # for the order: everything counts
    strength: float  # d + L * b: what the memory itself says, without context or author
    support: float = 0.0  # strength, and what the memories just around it add


def rarity(memory_count: int, match_count: int) -> float:
    """Return how much a word tells a memory from others.

    Args:
        memory_count: Memories in the project.
        match_count: Memories that hold the word, at most ``memory_count``.

    Returns:
        The inverse document frequency, a number above 0.

    Formula:
        ln(1 + (N - n + 0.5) / (n + 0.5)), equation 3.6 of Robertson and Zaragoza, The
        Probabilistic Relevance Framework, 2009, kept above 0.
    """
    return math.log(1 + (memory_count - match_count + 0.5) / (match_count + 0.5))


def rank(
    candidates: Sequence[Candidate],
    *,
    query: str = "",
    terms: Sequence[Term] = (),
    now_us: int = 0,
    weights: Weights = DEFAULT_WEIGHTS,
) -> list[Ranked]:
    """Return the candidates by falling score; equal scores by key.

    Works with one search alone: what is None counts 0.

    Args:
        candidates: At most a few hundred, each key once.
        query: The question.
        terms: Its words; without any, no coverage counts.
        now_us: What ``yesterday`` in the question is counted from.
        weights: How much each signal counts.
    """
    candidates = sorted(candidates, key=_key)
    signals = signals_of(candidates, asked=read_question(query, now_us), terms=terms)
    ranked = list(_weighed(candidates, signals, weights))
    ranked.sort(key=_score, reverse=True)  # and those of equal scores stay in order
    return ranked


def _weighed(
    candidates: Sequence[Candidate], signals: Sequence[Signals], weights: Weights
) -> Iterator[Ranked]:
    text = normalise_bm25(candidates)
    shares = _shares(weights)
    for one, signal in zip(candidates, signals, strict=True):
        score = sum(map(mul, shares, signal))
        strength = strength_of(one, text)
        beside = weights.around * signal.around + weights.answers * signal.answers
        yield Ranked(one.key, score, strength, strength + beside)


def signals_of(
    candidates: Sequence[Candidate], *, asked: Asked, terms: Sequence[Term]
) -> list[Signals]:
    """Return what speaks for each candidate, in order."""
    text = normalise_bm25(candidates)
    own = {c.key: (c.dense or 0.0) + OWN_TEXT_WEIGHT * text[c.key] for c in candidates}
    session = best_of_session(candidates, own)
    coverage = coverage_of(candidates, terms)
    questions = {c.key for c in candidates if is_question(c.text)}
    answers = cosine_of_questions(candidates, questions)
    recency = recency_of(candidates, own) if asked.is_recent else {}
    named = {a for a in {c.author for c in candidates} if is_author_named(a, asked.words)}
    columns: dict[str, Iterable[float]] = {
        "own": own.values(),
        "session": session.values(),
        "coverage": map(itemgetter(0), coverage.values()),
        "around": map(itemgetter(1), coverage.values()),
        "answers": [answers.get((c.session, c.sequence - 1), 0.0) for c in candidates],
        "date": [date_match(asked.dates, c.when_us) for c in candidates] if asked.dates else _NONE,
        "time": [float(tells_time(c.text)) for c in candidates] if asked.is_when else _NONE,
        "author": [float(c.author in named) for c in candidates] if named else _NONE,
        "question": [float(c.key in questions) for c in candidates],
        "recency": [recency.get(c.key, 0.0) for c in candidates] if recency else _NONE,
    }
    return list(map(Signals._make, zip(*map(columns.__getitem__, Signals._fields), strict=False)))


def strength_of(candidate: Candidate, text: Mapping[int, float]) -> float:
    """Return d + L * b, with b by key as `normalise_bm25` gives it."""
    return (candidate.dense or 0.0) + TEXT_WEIGHT * text[candidate.key]


def normalise_bm25(candidates: Sequence[Candidate]) -> dict[int, float]:
    """Return b by key, 0 to 1: bm25 over the largest one; 0 where there is none."""
    scores = {c.key: c.bm25 or 0.0 for c in candidates}
    best = max(scores.values(), default=0.0)
    return {key: score / best if best > 0 else 0.0 for key, score in scores.items()}


def best_of_session(
    candidates: Sequence[Candidate], strength: Mapping[int, float]
) -> dict[int, float]:
    """Return by key the largest strength in the memory's session; without one, its own.

    A memory without a session gets its own strength, so that it competes on equal terms with
    the only memory of a session.
    """
    best: dict[int, float] = {}
    for c in candidates:
        if strength[c.key] > best.get(c.session, -math.inf):
            best[c.session] = strength[c.key]
    return {c.key: best[c.session] if c.session else strength[c.key] for c in candidates}


def coverage_of(
    candidates: Sequence[Candidate], terms: Sequence[Term]
) -> dict[int, tuple[float, float]]:
    """Return by key the shares of the question that a memory holds, and those around it alone.

    The two add up to 1 at most. A word that several memories around hold counts by the nearest:
    so a question and its answer in a dialogue are covered together, and once.
    """
    total = sum(term.rarity for term in terms)
    own = dict.fromkeys((c.key for c in candidates), 0.0)
    around = dict(own)
    known = set(own)
    beside = _beside(candidates)
    for term in terms:
        holders = known.intersection(term.keys)
        near: dict[int, float] = {}
        for holder in holders:
            own[holder] += term.rarity / total
            for key, share in beside.get(holder, ()):
                if key not in holders and near.get(key, 0.0) < share:
                    near[key] = share
        for key, share in near.items():
            around[key] += share * term.rarity / total
    return {key: (own[key], around[key]) for key in own}


def _beside(candidates: Sequence[Candidate]) -> dict[int, list[tuple[int, float]]]:
    """Return by key the memories around one in its session, with what its words count there."""
    sessions: dict[int, dict[int, int]] = {}
    for c in candidates:
        if c.session:
            sessions.setdefault(c.session, {})[c.sequence] = c.key
    beside: dict[int, list[tuple[int, float]]] = {}
    for places in sessions.values():
        for sequence, key in places.items() if len(places) > 1 else ():
            beside[key] = [
                (places[place], share)
                for step, share in _AROUND
                if (place := sequence - step) in places
            ]
    return beside


def cosine_of_questions(
    candidates: Sequence[Candidate], questions: Collection[int]
) -> dict[tuple[int, int], float]:
    """Return by place the cosine of those memories that are questions: the next may answer."""
    return {c.place: c.dense or 0.0 for c in candidates if c.session and c.key in questions}


def recency_of(candidates: Sequence[Candidate], strength: Mapping[int, float]) -> dict[int, float]:
    """Return by key 1 for the newest of the strong candidates down to 0 for the oldest."""
    least = _RECENT_STRENGTH * max(strength.values(), default=0.0)
    strong = sorted((c.when_us, c.key) for c in candidates if strength[c.key] >= least)
    last = max(len(strong) - 1, 1)
    return {key: place / last for place, (_, key) in enumerate(strong)}


def is_author_named(author: str, asked: frozenset[str]) -> bool:
    """Say whether the question names the author: all words of the name are among ``asked``.

    Args:
        author: A name in any case; "" is never named.
        asked: The words of the question in lower case.
    """
    names = _WORD.findall(author.lower())
    return bool(names) and asked.issuperset(names)


def cut_relative(ranked: Sequence[Ranked], *, ratio: float, floor: float) -> list[Ranked]:
    """Return what is strong enough, in the given order; nothing when the best is below the floor.

    Formula:
        support >= max(floor, ratio * largest strength)

    Args:
        ranked: What `rank` gave.
        ratio: 0 keeps all above the floor, 1 only the strongest.
        floor: The least strength worth showing, on the scale of d + L * b.
    """
    best = max((one.strength for one in ranked), default=0.0)
    least = max(floor, ratio * best)
    if best < floor:
        return []
    return [one for one in ranked if one.support >= least]


def collapse_duplicates(items: Iterable[_Item], text_key: Callable[[_Item], str]) -> list[_Item]:
    """Return the items without those whose text key came before; the first one stays.

    Args:
        items: Best first.
        text_key: What near-duplicates share, such as `similarity.fold_text` of the text.
    """
    first: dict[str, _Item] = {}
    for item in items:
        first.setdefault(text_key(item), item)
    return list(first.values())
