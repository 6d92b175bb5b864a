"""Memories that the embedder has not read yet, beside those that it has."""

from collections.abc import Iterable
from statistics import median


def presumed_cosine(found: Iterable[tuple[float | None, float | None]]) -> float | None:
    """Return the cosine to presume of a memory that was found by its words and has no vector.

    While a new model reads a large file, most memories have none. Counted as 0 they would all
    stand behind those that it has read; presumed as near as others found by words, they keep the
    order that the words give them.

    Args:
        found: (bm25, cosine) of every memory found; None where a search has not found it.

    Returns:
        The median cosine of those found by words too, else the smallest of all; None when no
        memory has one.
    """
    pairs = [(bm25, cosine) for bm25, cosine in found if cosine is not None]
    by_words = [cosine for bm25, cosine in pairs if bm25 is not None]
    if by_words:
        return median(by_words)
    return min((cosine for _, cosine in pairs), default=None)
