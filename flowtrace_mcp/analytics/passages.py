"""Which part of a long text a question is about."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

WINDOW_CHARACTERS: Final = 300
# Shorter texts are shown from their beginning, which says what they are about.
LONG_CHARACTERS: Final = 1200
LEAD_CHARACTERS: Final = 120
_BEGINNING_CHARACTERS: Final = 5  # endings differ: open, opens, opened
_PLACES_LIMIT: Final = 64
_ENOUGH: Final = 0.8  # of the weight of the best window
_TERMS_LIMIT: Final = 32
_SENTENCE_ENDS: Final = (". ", "! ", "? ", "\n")

_Place = tuple[int, int]  # where in the text, which term


def passage_start(text: str, terms: Sequence[str]) -> int:
    """Return where in a text the passage begins that holds the most of a question's words.

    A word counts for the less the more often the text has it. 0 for a text that is not long,
    and for one that holds none of the words.

    Args:
        text: The whole of it.
        terms: Words of the question, folded to lower case.
    """
    if len(text) <= LONG_CHARACTERS:
        return 0
    lowered = text.lower()
    if len(lowered) != len(text):  # a few letters are two in lower case: places would be wrong
        lowered = text
    found = [_places(lowered, term[:_BEGINNING_CHARACTERS]) for term in terms[:_TERMS_LIMIT]]
    places = sorted((at, term) for term, ats in enumerate(found) for at in ats)
    if not places:
        return 0
    weights = [1 / len(ats) if ats else 0.0 for ats in found]
    return _sentence_start(text, _best_window(places, weights))


def _places(text: str, beginning: str) -> list[int]:
    """Return where words begin so, at most ``_PLACES_LIMIT``."""
    places: list[int] = []
    at = text.find(beginning) if beginning else -1
    while at >= 0 and len(places) < _PLACES_LIMIT:
        if at == 0 or not text[at - 1].isalnum():
            places.append(at)
        at = text.find(beginning, at + 1)
    return places


def _best_window(places: Sequence[_Place], weights: Sequence[float]) -> int:
    """Return where the window with the heaviest distinct terms begins, the first of the best.

    It begins as late as it can without losing much, so that a short row shows what weighs most.
    """

    def weight_from(index: int) -> float:
        end = places[index][0] + WINDOW_CHARACTERS
        inside = takewhile(lambda place: place[0] < end, places[index : index + WINDOW_CHARACTERS])
        return sum(weights[term] for term in {term for _, term in inside})

    found = [weight_from(index) for index in range(len(places))]
    best = found.index(max(found))
    end = places[best][0] + WINDOW_CHARACTERS
    inside = [index for index in range(best, len(places)) if places[index][0] < end]
    return places[max(index for index in inside if found[index] >= found[best] * _ENOUGH)][0]


def _sentence_start(text: str, at: int) -> int:
    """Return where the sentence begins that a place stands in, else a word not far before it."""
    first = max(0, at - LEAD_CHARACTERS)
    lead = text[first:at]
    ends = [lead.rfind(end) + len(end) for end in _SENTENCE_ENDS if end in lead]
    if ends:
        return first + max(ends)
    return first + lead.find(" ") + 1 if first else 0
