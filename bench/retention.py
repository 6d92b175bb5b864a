"""Half a file removed by age while an agent writes: how long does any batch, or any write, take?"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from lab import report

sys.path.insert(0, str(Path(__file__).parents[1]))
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.retention import Enforcement
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import by_rule, new_memory, write_of
from tests.storage.span_builder import span

ROOT = Path(__file__).parents[1]
SPANS = 200_000
BATCH = 512
OLD_US = START_US - 100 * DAY_US
LIMIT_MS = 50


def fill(path: Path) -> None:
    """Store sessions of 500 spans in traces of 50; every other session is old."""
    with closing(Store(path, lambda: START_US, durable=False)) as store:
        for first in range(1, SPANS + 1, BATCH):
            writes = [
                span(
                    number,
                    trace_id=(number // 50 + 1).to_bytes(16, "big"),
                    session=f"s-{number // 500}",
                    start_us=(OLD_US if number // 500 % 2 else START_US) + number * 20_000,
                    raw=number.to_bytes(8, "big") * 100,
                )
                for number in range(first, min(first + BATCH, SPANS + 1))
            ]
            store.spans.insert_spans(writes).result()
        store.scrub_log()


def remember_steadily(path: Path) -> None:
    with closing(Store(path, lambda: START_US)) as store:
        number = 0
        while True:
            began_s = time.monotonic()
            write = write_of(new_memory(f"memory{number} kept"))
            store.memories.insert_memories([write], by_rule)
            print(json.dumps([began_s, time.monotonic() - began_s]), flush=True)
            number += 1
            time.sleep(0.02)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flowtrace.db"
        fill(path)
        before = path.stat().st_size
        settings = load_settings(
            {
                "FLOWTRACE_HOME": folder,
                "FLOWTRACE_EMBEDDER": "off",
                "FLOWTRACE_RETENTION_DAYS": "30",
            }
        )
        out = Path(folder) / "writer.jsonl"
        with closing(Store(path, lambda: START_US)) as store, out.open("w") as told:
            context = Context(
                settings=settings,
                store=store,
                meaning=Meaning("off", lambda _: None),
                now_us=lambda: START_US,
                random_bytes=os.urandom,
            )
            writer = subprocess.Popen(
                [sys.executable, __file__, "--write", str(path)],
                stdout=told,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
            time.sleep(8)
            begin_s = time.monotonic()
            done = Enforcement(context=context).run()
            end_s = time.monotonic()
            writer.kill()
            writer.wait()
            sound = store.check() == []
        rows = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("]")]
        idle = sorted(row[1] * 1000 for row in rows if row[0] < begin_s)
        during = sorted(row[1] * 1000 for row in rows if begin_s <= row[0] < end_s)
        after = path.stat().st_size
    figures = {
        "spans": SPANS,
        "deleted": done.spans,
        "seconds": round(end_s - begin_s, 1),
        "longest_batch_ms": round(done.longest_batch_s * 1000, 1),
        "file_bytes": {"before": before, "after": after},
        "remember_ms": {
            "idle": {"p50": round(statistics.median(idle), 2), "max": round(idle[-1], 1)},
            "during": {
                "writes": len(during),
                "p50": round(statistics.median(during), 2),
                "p99": round(during[int(len(during) * 0.99) - 1], 2),
                "max": round(during[-1], 1),
            },
        },
    }
    return report(
        "retention beside an agent",
        figures,
        half_is_gone=abs(done.spans - SPANS / 2) < 1000,
        file_is_smaller=after < before * 0.65,
        no_batch_over_50_ms=done.longest_batch_s * 1000 <= LIMIT_MS,
        remember_p99_under_50_ms=figures["remember_ms"]["during"]["p99"] <= LIMIT_MS,
        sound=sound,
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        remember_steadily(Path(sys.argv[2]))
    sys.exit(main())
