"""How sure it is that a memory answers a question: what recall asks before it speaks unasked.

The order of `ranking` says which memory is best, not whether the best is any good: a question
about the billing database is nearer to a memory of the ledger database than many questions are
to their answers. Here the words of the question are weighed one by one. A word matters by its
rarity in the project and by how far the question's vector moves when the word is left out; a
memory that lacks the word that matters most is about something else.

Formula:
    p = 1 / (1 + exp(-(bias + sum of weight * feature))), features as in `Weights`
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from operator import mul
from typing import Final

from flowtrace_mcp.analytics.answer_types import holds_answer

# A name of code: joints, digits, or a capital inside.
_NAME: Final = re.compile(r"\w[_/.:\\]\w|\d|[a-z][A-Z]")
_TEXT_WORD: Final = re.compile(r"[\w.:/\\@#$+-]*\w")


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedTerm:
    """A word of the question."""

    text: str  # lower case
    rarity: float  # in the project, above 0: an inverse document frequency
    # How far the question's vector moves without it, 0 to 2; 0 when it stands in no such form.
    importance: float
    is_name: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one memory."""

    key: int
    text: str
    hits: frozenset[str]  # terms that it holds
    cosine: float  # of its bare text and the question, 0 when there is no model
    is_note: bool = False  # said in passing: no decision, fix or the like


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is weighed of a memory, each about -1 to 1."""

    cosine: float
    weight_held: float  # share of the importance that it holds
    lead: float  # cosine and coverage above those of the next best memory
    missed: float  # importance of the heaviest word it lacks, as a share of the heaviest of all
    holds_name: float  # 1 = it holds a name of code that the question names
    is_type: float  # 1 = it holds the sort of thing that is asked for
    is_no_type: float  # 1 = it does not
    key_and_type: float  # 1 = it also holds the word that matters most
    cosine_missed: float
    coverage_missed: float
    cosine_behind: float  # cosine times how far it is behind the largest
    cosine_type: float
    cosine_no_name: float  # cosine where it lacks a name that the question names
    is_aside: float  # 1 = a note among memories that are more


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each of `Features` counts, and from where on to speak."""

    features: Features
    bias: float
    least: float  # probability


# Logistic regressions on the lives of seeds 2, 4, 6 and 8 of bench/coding_lives.py.
WITH_MODEL: Final = Weights(
    features=Features(
        cosine=1.34,
        weight_held=3.86,
        lead=5.77,
        missed=-2.64,
        holds_name=0.34,
        is_type=0.14,
        is_no_type=-2.71,
        key_and_type=2.22,
        cosine_missed=12.17,
        coverage_missed=-3.28,
        cosine_behind=22.84,
        cosine_type=-1.99,
        cosine_no_name=-7.85,
        is_aside=-0.91,
    ),
    bias=-3.89,
    least=0.46,
)
# Words alone cannot tell a paraphrase from a neighbour, so they have to be surer.
WORDS_ALONE: Final = Weights(
    features=Features(
        cosine=0.0,
        weight_held=4.53,
        lead=7.77,
        missed=0.95,
        holds_name=1.55,
        is_type=1.26,
        is_no_type=-1.45,
        key_and_type=-0.68,
        cosine_missed=0.0,
        coverage_missed=0.78,
        cosine_behind=0.0,
        cosine_type=0.0,
        cosine_no_name=0.0,
        is_aside=-0.45,
    ),
    bias=-4.49,
    least=0.7,
)
# What the next best memory has at least: a project of one memory must not win by default.
NEXT_BEST_LEAST: Final = 0.4


def cosine_of(first: bytes, second: bytes) -> float:
    """Return the cosine of two vectors of signed bytes, 0 when one of them is all zero."""
    one, other = memoryview(first).cast("b"), memoryview(second).cast("b")
    lengths = math.sqrt(sum(map(mul, one, one)) * sum(map(mul, other, other)))
    return sum(map(mul, one, other)) / lengths if lengths else 0.0


def explain(question: str, terms: Sequence[AskedTerm], found: Sequence[Evidence]) -> list[Features]:
    """Return the features of each memory, in the given order.

    Args:
        question: As it was asked.
        terms: Its words, each once.
        found: The best candidates, at most a few dozen.
    """
    coverages = [_share_held(one.hits, {t.text: t.rarity for t in terms}) for one in found]
    sums = [one.cosine + coverage for one, coverage in zip(found, coverages, strict=True)]
    largest = max((one.cosine for one in found), default=0.0)
    has_more_than_notes = not all(one.is_note for one in found)
    return [
        replace(
            _features(question, terms, one, (coverages[at], _lead(sums, at), one.cosine - largest)),
            is_aside=float(one.is_note and has_more_than_notes),
        )
        for at, one in enumerate(found)
    ]


def probability(features: Features, weights: Weights) -> float:
    """Return how likely it is that the memory answers the question, 0 to 1."""
    pairs = zip(astuple(weights.features), astuple(features), strict=True)
    logit = weights.bias + sum(weight * value for weight, value in pairs)
    return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logit))))


def choose(
    question: str, terms: Sequence[AskedTerm], found: Sequence[Evidence], weights: Weights
) -> list[tuple[int, float]]:
    """Return (key, probability) of the memories that surely answer, the surest first."""
    sure = [
        (one.key, probability(features, weights))
        for one, features in zip(found, explain(question, terms, found), strict=True)
    ]
    return sorted(
        (pair for pair in sure if pair[1] >= weights.least), key=lambda pair: (-pair[1], pair[0])
    )


def names_in(question: str) -> frozenset[str]:
    """Return the names of code in a question, whole and in lower case: ``getUserById``."""
    return frozenset(word.lower() for word in _TEXT_WORD.findall(question) if _NAME.search(word))


def without_word(question: str, word: str) -> str:
    """Return a question without one of its words, in whatever case it stands there."""
    rest = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", " ", question, flags=re.IGNORECASE)
    return " ".join(rest.split())


def _features(
    question: str,
    terms: Sequence[AskedTerm],
    one: Evidence,
    standing: tuple[float, float, float],
) -> Features:
    coverage, lead, behind = standing
    importances = {term.text: term.importance for term in terms if term.importance > 0}
    heaviest = max(importances.values(), default=0.0)
    missed = _share_missed(terms, one.hits, heaviest)
    holds_key = float(heaviest > 0 and missed < 1.0)
    names = {term.text for term in terms if term.is_name}
    holds = holds_answer(question, one.text)
    return Features(
        cosine=one.cosine,
        weight_held=_share_held(one.hits, importances),
        lead=lead,
        missed=missed,
        holds_name=float(not names.isdisjoint(one.hits)),
        is_type=float(holds is True),
        is_no_type=float(holds is False),
        key_and_type=holds_key * (holds is True),
        cosine_missed=one.cosine * missed,
        coverage_missed=coverage * missed,
        cosine_behind=one.cosine * behind,
        cosine_type=one.cosine * (holds is True),
        cosine_no_name=one.cosine * (not names <= one.hits),
        is_aside=0.0,
    )


def _share_missed(terms: Sequence[AskedTerm], hits: frozenset[str], heaviest: float) -> float:
    lost = max((term.importance for term in terms if term.text not in hits), default=0.0)
    return lost / heaviest if heaviest > 0 else 0.0


def _share_held(hits: frozenset[str], weights: Mapping[str, float]) -> float:
    total = sum(weights.values())
    return sum(weights[text] for text in weights if text in hits) / total if total > 0 else 0.0


def _lead(sums: Sequence[float], at: int) -> float:
    """Return how far a sum stands above the largest of the others."""
    return sums[at] - max((*sums[:at], *sums[at + 1 :], NEXT_BEST_LEAST))
