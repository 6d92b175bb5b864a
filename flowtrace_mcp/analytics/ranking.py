"""How recall orders what the text and the vector search found: weighted scores, context, cuts.

Formula:
    d = cosine similarity, 0 when the vector search has no answer for the memory
    b = bm25 / (largest bm25 among the candidates)
    n = b + w1 * (b one before and one after it in the session) + w2 * (b two before and after)
    score = d + L * n + s * max over the memory's session of (d + L * b)
            + a, when the question names the author

Weighted scores, not reciprocal ranks: on 1,982 questions over ten long dialogues (LoCoMo) they
find 68 % of the evidence among the first ten against 58 % for reciprocal ranks (k = 60), and
77 % with the neighbours and the session. See `Weights`.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

_WORD: Final = re.compile(r"\w+")
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each signal counts, dimensionless. Fitted on LoCoMo dialogues and CoSQA code.

    The fit holds on conversations it has not seen (weights from five, scored on the other
    five). ``text`` is the best single value for both kinds: dialogue alone prefers 0.4, code
    0.2 to 0.3. The context weights come from dialogue.
    """

    text: float = 0.3  # L: bm25 against cosine
    neighbour: float = 0.3  # w1: share of bm25 of the memories one step away
    next_neighbour: float = 0.2  # w2: and two steps away
    session: float = 0.4  # s: share of the best of the session
    author: float = 0.05  # a: the question names who wrote it


DEFAULT_WEIGHTS: Final = Weights()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A memory that a search found, with what each search said of it."""

    key: int  # any number that is the memory's alone
    dense: float | None  # cosine similarity, -1 to 1; None = not found by vectors
    bm25: float | None  # higher is better, at least 0; None = not found by text
    session: int  # 0 = none: such memories have no neighbours and no session bonus
    sequence: int  # place in its session
    author: str = ""
    recorded_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """A memory in its place."""

    key: int
    score: float  # for the order: everything counts
    strength: float  # d + L * b: what the memory itself says, without context or author


def rank(
    candidates: Sequence[Candidate], *, query: str = "", weights: Weights = DEFAULT_WEIGHTS
) -> list[Ranked]:
    """Return the candidates by falling score; equal scores by key.

    Works with one search alone: what is None counts 0.

    Args:
        candidates: At most a few hundred, each key once.
        query: The question, in which authors' names are looked for.
        weights: How much each signal counts.
    """
    text = normalise_bm25(candidates)
    context = add_neighbours(candidates, text, weights)
    strength = {c.key: (c.dense or 0.0) + weights.text * text[c.key] for c in candidates}
    bonus = best_of_session(candidates, strength)
    asked = frozenset(_WORD.findall(query.lower()))
    ranked = [
        Ranked(
            key=c.key,
            score=(c.dense or 0.0)
            + weights.text * context[c.key]
            + weights.session * bonus[c.key]
            + weights.author * is_author_named(c.author, asked),
            strength=strength[c.key],
        )
        for c in candidates
    ]
    return sorted(ranked, key=lambda one: (-one.score, one.key))


def normalise_bm25(candidates: Sequence[Candidate]) -> dict[int, float]:
    """Return b by key, 0 to 1: bm25 over the largest one; 0 where there is none."""
    best = max((c.bm25 or 0.0 for c in candidates), default=0.0)
    return {c.key: (c.bm25 or 0.0) / best if best > 0 else 0.0 for c in candidates}


def add_neighbours(
    candidates: Sequence[Candidate], text: Mapping[int, float], weights: Weights
) -> dict[int, float]:
    """Return n by key: b plus shares of the b of the memories around it in its session."""
    by_place: dict[tuple[int, int], float] = {}
    for c in candidates:
        if c.session:
            place = (c.session, c.sequence)
            by_place[place] = max(by_place.get(place, 0.0), text[c.key])
    steps = (
        (-2, weights.next_neighbour),
        (-1, weights.neighbour),
        (1, weights.neighbour),
        (2, weights.next_neighbour),
    )
    return {
        c.key: text[c.key]
        + sum(share * by_place.get((c.session, c.sequence + step), 0.0) for step, share in steps)
        for c in candidates
    }


def best_of_session(
    candidates: Sequence[Candidate], strength: Mapping[int, float]
) -> dict[int, float]:
    """Return by key the largest strength in the memory's session; without one, its own.

    A memory without a session gets its own strength, so that it competes on equal terms with
    the only memory of a session.
    """
    best: dict[int, float] = {}
    for c in candidates:
        best[c.session] = max(best.get(c.session, strength[c.key]), strength[c.key])
    return {c.key: best[c.session] if c.session else strength[c.key] for c in candidates}


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
        strength >= max(floor, ratio * largest strength)

    Args:
        ranked: What `rank` gave.
        ratio: 0 keeps all above the floor, 1 only the strongest.
        floor: The least strength worth showing, on the scale of d + L * b.
    """
    best = max((one.strength for one in ranked), default=0.0)
    least = max(floor, ratio * best)
    return [one for one in ranked if one.strength >= least]


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
