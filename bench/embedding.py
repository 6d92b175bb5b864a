"""Time and memory of the default embedder, as one line of JSON.

Run it on a quiet machine: ``python bench/embedding.py``. Times of the processor are of this
process; ``first_vector`` and ``load`` include the imports and what the page cache did not hold.
"""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from flowtrace_mcp.embedding.loader import Embedder, load_embedder

QUERY = "which port does the staging database listen on?"
SENTENCE = "the agent chose port 5433 for staging since 5432 was taken by another service "
QUERY_RUNS = 200
BULK_TEXTS = 100
MIXED_TEXTS = 200
MIXED_MAX_WORDS = 260


def rss_mib() -> float | None:
    """Return the resident memory of this process, or None where /proc does not say."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return None
    return round(int(statm.read_text().split()[1]) * 4096 / 2**20, 1)


def words(count: int) -> str:
    """Return a text of ``count`` words."""
    repeated = (SENTENCE * (count // 14 + 1)).split()
    return " ".join(repeated[:count])


def cpu_ms(work: Callable[[], object]) -> float:
    """Return the milliseconds of processor time that ``work`` takes."""
    started = time.process_time_ns()
    work()
    return (time.process_time_ns() - started) / 1e6


def spread(values: list[float]) -> dict[str, float]:
    """Return min, median and max."""
    found = {"min": min(values), "median": statistics.median(values), "max": max(values)}
    return {name: round(value, 2) for name, value in found.items()}


def loaded(figures: dict[str, object]) -> Embedder:
    """Return the default embedder; write what loading it cost into ``figures``."""
    wall, cpu = time.perf_counter_ns(), time.process_time_ns()
    embedder = load_embedder("minilm")
    assert embedder is not None
    figures["load_wall_ms"] = round((time.perf_counter_ns() - wall) / 1e6, 1)
    figures["load_cpu_ms"] = round((time.process_time_ns() - cpu) / 1e6, 1)
    embedder.embed([QUERY])
    figures["first_vector_wall_ms"] = round((time.perf_counter_ns() - wall) / 1e6, 1)
    figures["first_vector_cpu_ms"] = round((time.process_time_ns() - cpu) / 1e6, 1)
    return embedder


def main() -> None:
    figures: dict[str, object] = {
        "bench": "embedding",
        "machine": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "rss_before_mib": rss_mib(),
    }
    embedder = loaded(figures)
    figures["versions"] = {name: version(name) for name in ("onnxruntime", "tokenizers", "numpy")}
    figures["embedder"] = embedder.embedder_id
    figures["rss_loaded_mib"] = rss_mib()

    queries = [cpu_ms(lambda: embedder.embed([QUERY])) for _ in range(QUERY_RUNS)]
    figures["query_runs"] = QUERY_RUNS
    figures["query_cpu_ms"] = spread(queries)

    bulk = [words(60)] * BULK_TEXTS
    figures["bulk_texts"] = BULK_TEXTS
    figures["bulk_60_words_texts_per_cpu_s"] = round(
        BULK_TEXTS / cpu_ms(lambda: embedder.embed(bulk)) * 1e3, 1
    )

    step = MIXED_MAX_WORDS / MIXED_TEXTS
    embedder.embed([words(int(index * step) + 1) for index in range(MIXED_TEXTS)])
    figures["mixed_texts"] = MIXED_TEXTS
    figures["rss_after_mixed_mib"] = rss_mib()
    json.dump(figures, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
