"""How far sketches are off: percentiles of 1 M durations against exact ones, unique counts of 100 K.

Durations have three shapes: log-normal, as calls of models are; two humps, as tools that answer from
a cache or do not; and a heavy tail. Each is added in pieces that are merged, as hours are. The unique
counts are of 200 seeds, each in eight pieces that overlap.
"""

import math
import random
import sys
import time

from lab import report

from flowtrace_mcp.analytics.ddsketch import DDSketch
from flowtrace_mcp.analytics.hyperloglog import HyperLogLog

DURATIONS = 1_000_000
PIECES = 24
SHARES = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
MOST_ERROR = 0.01
UNIQUES = 100_000
SEEDS = 200
MOST_RMS = 0.0085
SHAPES = {
    "log_normal": lambda chance: int(chance.lognormvariate(14, 1.2)),
    "two_humps": lambda chance: int(
        max(chance.gauss(2_000, 300) if chance.random() < 0.6 else chance.gauss(900_000, 9e4), 1)
    ),
    "heavy_tail": lambda chance: int(1_000 * chance.paretovariate(1.1)),
}


def worst_percentile(shape: str) -> float:
    """Return the largest relative error over all shares."""
    chance = random.Random(shape)
    values = [SHAPES[shape](chance) for _ in range(DURATIONS)]
    whole = DDSketch()
    step = -(-DURATIONS // PIECES)
    for begin in range(0, DURATIONS, step):
        piece = DDSketch()
        piece.add_many(values[begin : begin + step])
        whole.merge(DDSketch.from_bytes(piece.to_bytes()))
    values.sort()
    exact = [values[math.floor(share * (DURATIONS - 1))] for share in SHARES]
    return max(
        abs(whole.quantile(share) - value) / value
        for share, value in zip(SHARES, exact, strict=True)
    )


def unique_error(seed: int) -> float:
    """Return the relative error of one count of distinct hashes."""
    chance = random.Random(seed)
    hashes = [chance.getrandbits(64) for _ in range(UNIQUES)]
    whole = HyperLogLog()
    step = UNIQUES // 8
    for begin in range(0, UNIQUES, step):
        piece = HyperLogLog()
        for each in hashes[max(begin - step // 2, 0) : begin + step]:
            piece.add_hash(each)
        whole.merge(HyperLogLog.from_bytes(piece.to_bytes()))
    return (whole.count() - UNIQUES) / UNIQUES


def main() -> int:
    began_s = time.perf_counter()
    errors = {shape: worst_percentile(shape) for shape in SHAPES}
    uniques = [unique_error(seed) for seed in range(SEEDS)]
    rms = math.sqrt(sum(one * one for one in uniques) / SEEDS)
    figures = {
        "durations": DURATIONS,
        "worst_percentile_error": {shape: round(error, 5) for shape, error in errors.items()},
        "most_percentile_error": MOST_ERROR,
        "uniques": UNIQUES,
        "seeds": SEEDS,
        "unique_rms_error": round(rms, 5),
        "unique_worst_error": round(max(map(abs, uniques)), 5),
        "unique_mean_error": round(sum(uniques) / SEEDS, 5),
        "most_unique_rms_error": MOST_RMS,
        "took_s": round(time.perf_counter() - began_s, 1),
    }
    return report(
        "how far sketches are off",
        figures,
        percentiles=max(errors.values()) <= MOST_ERROR,
        uniques=rms <= MOST_RMS,
    )


if __name__ == "__main__":
    sys.exit(main())
