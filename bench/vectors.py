"""Search by meaning among 100,000 and 1,000,000 memories of one project, in process.

    python bench/vectors.py            both sizes
    python bench/vectors.py 100000     one size

The vectors are made up: 3,000 clusters of random centres, equally spread in all directions around
them, which is harder than what the default model makes of text. They are stored in bulk, with
short texts that no question is asked of. ``recall_at_10`` is the share of the ten nearest that a
search gives, against scoring every stored vector (``of_stored``), and against the vectors before
they were cut to 8 bits (``of_floats``).
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import numpy as np
from lab import data_folder, report, rss_mib, spread
from numpy.typing import NDArray

from flowtrace_mcp.embedding.codes import sign_code, to_int8
from flowtrace_mcp.model.memory import (
    MemoryFilter,
    MemoryKind,
    MemoryPlace,
    NewMemory,
    ScopeName,
)
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.storage import memories, memory_vectors
from flowtrace_mcp.storage.store import Store

SIZES = (100_000, 1_000_000)
CLUSTERS = 3000
SPREAD = 0.9
DIMENSIONS = 384
BATCH = 10_000
# SQLite undoes a failed statement from a list that it walks for each: a job of 10,000 takes 30 s.
ROWS_A_COMMIT = 250
KINDS = list(MemoryKind)
QUERIES = 50
ASKED = 200  # of so many candidates a recall makes its answer
BEST = 10
LIMIT_MS = 20
LEAST_RECALL = 0.98
EMBEDDER = "made-up@1"
PLACE = MemoryPlace(project_id=1)
START_US = 1_795_000_000_000_000

Floats = NDArray[np.float32]
Found = list[tuple[int, float]]


class Cloud:
    """Vectors around the same centres, drawn anew as often as asked."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._centres = _units(self._noise(CLUSTERS))

    def draw(self, count: int) -> Floats:
        chosen = self._centres[self._chance.integers(0, CLUSTERS, count)]
        return _units(chosen + np.float32(SPREAD) * _units(self._noise(count)))

    def _noise(self, count: int) -> Floats:
        return self._chance.standard_normal((count, DIMENSIONS), np.float32)


class Nearest:
    """The ten nearest by floats, kept while vectors pass by."""

    def __init__(self, queries: Floats) -> None:
        self._queries = queries
        self._scores = np.full((len(queries), BEST), -2, np.float32)
        self.keys = np.zeros((len(queries), BEST), np.int64)

    def see(self, first_key: int, vectors: Floats) -> None:
        scores = np.hstack([self._scores, self._queries @ vectors.T])
        keys = np.arange(first_key, first_key + len(vectors))
        every = np.hstack([self.keys, np.broadcast_to(keys, (len(scores), len(keys)))])
        best = np.argpartition(-scores, BEST, axis=1)[:, :BEST]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self.keys = np.take_along_axis(every, best, axis=1)


def _units(vectors: Floats) -> Floats:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def codes_of(vectors: Floats) -> Iterator[VectorCode]:
    numbers, scales = to_int8(vectors)
    for sign, number, scale in zip(sign_code(vectors), numbers, scales, strict=True):
        yield VectorCode(
            embedder=EMBEDDER,
            sign_code=sign.tobytes(),
            int8_code=number.tobytes(),
            scale=float(scale),
        )


def fill(store: Store, size: int, cloud: Cloud, nearest: Nearest) -> float:
    """Store memories with vectors in bulk; return the seconds."""
    began_s = time.perf_counter()
    for first in range(1, size + 1, BATCH):
        vectors = cloud.draw(BATCH)
        nearest.see(first, vectors)
        rows = list(enumerate(codes_of(vectors), first))
        for start in range(0, BATCH, ROWS_A_COMMIT):
            part = rows[start : start + ROWS_A_COMMIT]
            store._database.write(lambda connection, part=part: insert(connection, part))
    return round(time.perf_counter() - began_s, 1)


def insert(connection: apsw.Connection, rows: list[tuple[int, VectorCode]]) -> None:
    for at, code in rows:
        new = NewMemory(
            content=f"fact {at}",
            kind=KINDS[at % len(KINDS)],
            scope=ScopeName.REPO,
            place=PLACE,
            recorded_us=START_US + at,
            valid_from_us=START_US + at,
            sequence=at,
        )
        key = memories.insert_memory(connection, new, at.to_bytes(16, "big"))
        memory_vectors.insert_vectors(connection, key, PLACE.project_id, [code])


def timed(search: Callable[[VectorCode], Found], asked: list[VectorCode]) -> tuple[Any, ...]:
    """Return what was found, and the spread of processor and wall milliseconds."""
    found, cpu_ms, wall_ms = [], [], []
    for query in asked:
        cpu_s, wall_s = time.thread_time(), time.perf_counter()
        found.append(search(query))
        cpu_ms.append((time.thread_time() - cpu_s) * 1000)
        wall_ms.append((time.perf_counter() - wall_s) * 1000)
    return found, spread(cpu_ms), spread(wall_ms)


def recall_of(found: list[Found], right: list[set[int]]) -> float:
    shares = [
        len({key for key, _ in one[:BEST]} & wanted) / BEST
        for one, wanted in zip(found, right, strict=True)
    ]
    return round(sum(shares) / len(shares), 4)


def searching(store: Store, limit: int, **wanted: Any) -> Callable[[VectorCode], Found]:
    now_us = START_US + 10**9
    asked = MemoryFilter(place=PLACE, now_us=now_us, **wanted)

    def search(query: VectorCode) -> Found:
        hits = store.memories.search(None, query, asked, limit)
        return sorted(
            ((hit.key, hit.cosine or 0.0) for hit in hits), key=lambda pair: (-pair[1], -pair[0])
        )

    return search


def measure(folder: Path, size: int) -> tuple[dict[str, Any], dict[str, bool]]:
    cloud = Cloud(7)
    queries = cloud.draw(QUERIES)
    asked = list(codes_of(queries))
    nearest = Nearest(queries)
    path = folder / f"{size}.db"
    store = Store(path, lambda: START_US, durable=False)
    fill_s = fill(store, size, cloud, nearest)
    before_mib = rss_mib(os.getpid())
    search = searching(store, ASKED)
    _, _, load_ms = timed(search, asked[:1])
    loaded_mib = rss_mib(os.getpid())
    found, cpu_ms, wall_ms = timed(search, asked)
    _, kind_cpu_ms, _ = timed(searching(store, ASKED, kinds=(MemoryKind.FIX,)), asked[:10])
    narrow = searching(store, ASKED, since_us=START_US, until_us=START_US + 1000)
    _, narrow_cpu_ms, _ = timed(narrow, asked[:3])
    exactly = Store(path, lambda: START_US, exact_vectors=2**62)
    exact, exact_cpu_ms, _ = timed(searching(exactly, BEST), asked)
    of_stored = recall_of(found, [{key for key, _ in one} for one in exact])
    figures = {
        "memories": size,
        "fill_s": fill_s,
        "file_mib": round(path.stat().st_size / 2**20),
        "load_ms": load_ms["p50"],
        "codes_mib": round(loaded_mib - before_mib, 1),
        "search_cpu_ms": cpu_ms,
        "search_wall_ms": wall_ms,
        "one_kind_cpu_ms": kind_cpu_ms,
        "one_in_a_hundred_or_less_cpu_ms": narrow_cpu_ms,
        "exact_cpu_ms": exact_cpu_ms,
        "recall_at_10": {
            "of_stored": of_stored,
            "of_floats": recall_of(found, [set(keys.tolist()) for keys in nearest.keys]),
        },
    }
    store.close()
    exactly.close()
    bars = {"recall": of_stored >= LEAST_RECALL, "search": cpu_ms["p50"] <= LIMIT_MS}
    return figures, {f"{name}_{size}": met for name, met in bars.items()}


def main() -> int:
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    figures, bars = [], {}
    for size in sizes:
        with data_folder() as folder:
            measured, met = measure(folder, size)
        figures.append(measured)
        bars |= met
    return report("search by meaning in one large project", {"sizes": figures}, **bars)


if __name__ == "__main__":
    sys.exit(main())
