"""Which older texts a new one is held against: those that share its rare words.

Formula:
    score = norm * sum of the rarities of the words that both hold
    norm = (k + 1) / (1 + k * (1 - b + b * length / mean length)), with k = 1.2 and b = 0.75

This is BM25 with each word counted once: of texts that share the same words the shorter say less
beside them.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Final

from flowtrace_mcp.analytics.ranking import rarity

_K: Final = 1.2
_B: Final = 0.75


def shared_rarity(holders: Mapping[str, Collection[int]], memory_count: int) -> dict[int, float]:
    """Return the sum of the rarities of its words by key, the largest first, the newest of equals.

    Args:
        holders: Word -> keys of the memories that hold it.
        memory_count: Memories in the file, at least roughly.
    """
    shared: defaultdict[int, float] = defaultdict(float)
    for keys in holders.values():
        weight = rarity(max(memory_count, len(keys)), len(keys))
        for key in keys:
            shared[key] += weight
    newest_first = sorted(shared, reverse=True)
    best_first = sorted(newest_first, key=shared.__getitem__, reverse=True)
    return {key: shared[key] for key in best_first}


def nearest(shared: Mapping[int, float], lengths: Mapping[int, int], limit: int) -> list[int]:
    """Return the keys with the largest score, that one first; the newest of equals.

    Args:
        shared: What ``shared_rarity`` gave.
        lengths: Characters of the texts to choose from; all of them are in ``shared``.
        limit: At most so many.
    """
    mean = sum(lengths.values()) / max(len(lengths), 1) or 1.0
    scores = {
        key: shared[key] * (_K + 1) / (1 + _K * (1 - _B + _B * length / mean))
        for key, length in lengths.items()
    }
    return sorted(scores, key=lambda key: (-scores[key], -key))[:limit]
