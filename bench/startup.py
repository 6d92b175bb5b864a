"""Process start to first answer and `tools/list`, against a bare SDK server in the same run.

Runs alternate between the two, so that a noisy minute hits both; the best of each counts.
"""

import sys
import time

from lab import LEGACY, MODERN, data_folder, report, serving, serving_bare, spread

RUNS = 9
RATIO_LIMIT = 1.25


def main() -> int:
    with data_folder() as folder:
        figures = {}
        worst = 0.0
        with serving(folder, is_open=True):  # the file caches are warm, the data folder is made
            pass
        for era in (LEGACY, MODERN):
            ours, bare = [], []
            for _ in range(RUNS):
                with serving_bare(era=era, is_open=False) as one:
                    one.open()
                    bare.append((time.perf_counter() - one.started_s) * 1000)
                with serving(folder, era=era, is_open=False) as one:
                    one.open()
                    ours.append((time.perf_counter() - one.started_s) * 1000)
            ratio = round(min(ours) / min(bare), 3)
            worst = max(worst, ratio)
            figures[era] = {"ours_ms": spread(ours, 0), "bare_ms": spread(bare, 0), "ratio": ratio}
    return report(
        "start to tools/list, in multiples of a bare SDK server",
        figures,
        ratio=worst <= RATIO_LIMIT,
    )


if __name__ == "__main__":
    sys.exit(main())
