"""Search by meaning: exact while there are few vectors, by sign codes in memory beyond that."""

import importlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import apsw

from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage import memory_vectors, meta
from flowtrace_mcp.storage.memory_vectors import VectorSet

if TYPE_CHECKING:
    from flowtrace_mcp.analytics.sign_codes import SignCodes

# Scoring every vector takes 0.9 ms for each thousand; by sign codes a search takes 4 ms among few.
EXACT_VECTORS: Final = 5_000
# So many times as many as are wanted are scored, and those nearest held against the filter.
NEAREST_FACTOR: Final = 3
NEAREST_LEAST: Final = 400  # and never fewer: with 40 of them a tenth of the best ten is missed
# Where it hides too many, so many times as many are held against it, and then all.
WIDER_FACTOR: Final = 16
# Of all, so many of those that pass are scored: with fewer, the answer is exact.
SCORED_FACTOR: Final = 4
# Sets that the last questions did not need are let go beyond so many codes: 64 MB.
KEPT_CODES: Final = 1_000_000
# Codes of vectors that are gone are passed over until they are one in so many.
GONE_SHARE: Final = 8
_LOAD_ROWS: Final = 65_536


class VectorSearch:
    """Finds the nearest memories; keeps sign codes of large sets in the memory of this process.

    Args:
        exact_vectors: Up to so many vectors a question, every one is scored.
    """

    def __init__(self, exact_vectors: int = EXACT_VECTORS) -> None:
        self._exact_vectors = exact_vectors
        self._lock = threading.Lock()
        self._codes: OrderedDict[int, SignCodes] = OrderedDict()  # the last used at the end
        self._restored: str | None = None  # the content that the codes are of

    def search(
        self, reader: apsw.Connection, query: VectorCode, wanted: MemoryFilter, limit: int
    ) -> list[tuple[int, float]]:
        """Return (memory key, cosine of its best part) of the nearest that pass a filter."""
        sets = memory_vectors.list_sets(reader, wanted.place.project_id, query.embedder)
        if sum(one.vector_count for one in sets) <= self._exact_vectors:
            keys, limits = [one.set_key for one in sets], (limit, _most(limit))
            return memory_vectors.search_exactly(reader, query, keys, wanted, limits)
        codes = [self._loaded(reader, one, len(query.sign_code)) for one in sets]
        return search_codes(reader, codes, query, wanted, limit)

    def score(
        self,
        reader: apsw.Connection,
        query: VectorCode,
        wanted: MemoryFilter,
        keys: Sequence[int],
    ) -> dict[int, float]:
        """Return memory key -> cosine of its best part for those keys that have a vector."""
        sets = memory_vectors.list_sets(reader, wanted.place.project_id, query.embedder)
        set_keys = [one.set_key for one in sets]
        return memory_vectors.score_memories(reader, query, set_keys, keys)

    def _loaded(self, reader: apsw.Connection, one: VectorSet, code_bytes: int) -> "SignCodes":
        """Return the codes of a set with all that was stored until now, by any process."""
        with self._lock:
            restored = meta.find_meta(reader, meta.RESTORED)
            if restored != self._restored:  # a backup was restored: sets are others now
                self._codes.clear()
                self._restored = restored
            codes = self._codes.pop(one.set_key, None)
            if codes is None or (codes.count - one.vector_count) * GONE_SHARE > codes.count:
                codes = _no_codes(code_bytes, one.vector_count)
            while rows := memory_vectors.list_sign_codes(
                reader, one.set_key, codes.newest_key, code_bytes, _LOAD_ROWS
            ):
                vectors, memories, signs = zip(*rows, strict=True)
                codes = codes.appended(vectors, memories, b"".join(signs))
            self._codes[one.set_key] = codes
            self._let_go()
            return codes

    def _let_go(self) -> None:
        """Drop the sets used longest ago, but for the two that a question may need at once."""
        while len(self._codes) > 2 and sum(c.count for c in self._codes.values()) > KEPT_CODES:
            self._codes.popitem(last=False)


def search_codes(
    reader: apsw.Connection,
    sets: Sequence["SignCodes"],
    query: VectorCode,
    wanted: MemoryFilter,
    limit: int,
) -> list[tuple[int, float]]:
    """Return (memory key, cosine) of the nearest memories that pass a filter, by their codes.

    The nearest by their codes are scored exactly. Where a filter hides more than half of them,
    more are looked at, in the end all: when few pass the filter, every one of them is scored.
    """
    most = _most(limit)
    nearest = [
        key
        for codes in sets
        for key in codes.vector_keys[codes.near(query.sign_code, query.int8_code, most)].tolist()
    ]
    scored = memory_vectors.score_vectors(reader, query, nearest)
    is_whole = len(nearest) == sum(codes.count for codes in sets)
    # Most filters hide little, and holding a memory against one takes longer than scoring it.
    for looked_at in (limit * 5 // 4, len(scored) if is_whole else limit * 2):
        found = memory_vectors.best_seen(reader, scored[:looked_at], wanted)
        if len(found) >= limit:
            return found[:limit]
    if is_whole:
        return found
    passing = [key for codes in sets for key in _passing(reader, codes, query, wanted, limit)]
    scored = memory_vectors.score_vectors(reader, query, passing)
    return memory_vectors.best_seen(reader, scored, wanted)[:limit]


def _passing(
    reader: apsw.Connection,
    codes: "SignCodes",
    query: VectorCode,
    wanted: MemoryFilter,
    limit: int,
) -> list[int]:
    """Return the vectors, nearest by their bits first, whose memories pass a filter."""
    most = _most(limit)
    rows = codes.near_by_bits(query.sign_code, most * WIDER_FACTOR)
    memories, vectors = codes.memory_keys[rows].tolist(), codes.vector_keys[rows].tolist()
    seen = memory_vectors.list_seen(reader, memories, wanted)
    passing = [key for memory, key in zip(memories, vectors, strict=True) if memory in seen]
    if len(passing) >= most or len(rows) == codes.count:
        return passing[: most * SCORED_FACTOR]
    every = memory_vectors.list_all_seen(reader, wanted)
    among = codes.near_among(query.sign_code, every, most * SCORED_FACTOR)
    found: list[int] = codes.vector_keys[among].tolist()
    return found


def _most(limit: int) -> int:
    return max(limit * NEAREST_FACTOR, NEAREST_LEAST)


def _no_codes(code_bytes: int, room: int) -> "SignCodes":
    # By name and late: it imports numpy, and most files never grow so large.
    module = importlib.import_module("flowtrace_mcp.analytics.sign_codes")
    codes: type[SignCodes] = module.SignCodes
    return codes.empty(code_bytes, room)
