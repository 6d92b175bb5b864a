"""A file of a million spans backed up and restored under load: what do the writers notice?"""

import hashlib
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
from flowtrace_mcp.errors import BusyError
from flowtrace_mcp.services.backups import BackupRequest, create_backup, unpacked, verify_backup
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.restore import RestoreRequest, restore_backup
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import by_rule, new_memory, write_of
from tests.storage.span_builder import span

ROOT = Path(__file__).parents[1]
SPANS = int(os.environ.get("BACKUP_SPANS", "1000000"))
BATCH = 512
WRITES_A_SECOND = 40
IDLE_S = 20.0
TIMES_LIMIT = 2  # what a write may take, against one without a backup
# Bytes of the header that tell how often and by whom a file was changed, not what is in it.
CHANGING = (slice(18, 20), slice(24, 28), slice(40, 44), slice(92, 100))


def fill(path: Path) -> None:
    with closing(Store(path, lambda: START_US, durable=False)) as store:
        waiting = []
        for first in range(1, SPANS + 1, BATCH):
            writes = [
                span(
                    number,
                    trace_id=(number // 50).to_bytes(16, "big"),
                    session=f"s-{number // 500}",
                    raw=hashlib.blake2b(number.to_bytes(8, "big")).digest() * 6,
                )
                for number in range(first, min(first + BATCH, SPANS + 1))
            ]
            waiting.append(store.spans.insert_spans(writes))
            if len(waiting) > 8:
                waiting.pop(0).result()
        for one in waiting:
            one.result()
        store.scrub_log()


def write_steadily(path: Path) -> None:
    """Store memories and spans at a steady pace until stdin closes; print when and how long."""
    with closing(Store(path, lambda: START_US)) as store:
        number = 0
        first = 10_000_000 + os.getpid() * 1_000_000
        while not sys.stdin.closed:
            began_s = time.monotonic()
            try:
                if number % 2:
                    spans = [span(first + number * 50 + one, session="w") for one in range(50)]
                    store.spans.insert_spans(spans).result(30)
                else:
                    write = write_of(new_memory(f"memory{first + number} kept"))
                    store.memories.insert_memories([write], by_rule)
                refused = 0
            except BusyError:
                refused = 1
            took_s = time.monotonic() - began_s
            print(json.dumps([began_s, took_s, refused]), flush=True)
            number += 1
            time.sleep(max(1 / WRITES_A_SECOND - took_s, 0))


def between(rows: list[list[float]], begin_s: float, end_s: float) -> dict[str, float]:
    took = sorted(row[1] * 1000 for row in rows if begin_s <= row[0] < end_s)
    if not took:
        return {"writes": 0}
    return {
        "writes": len(took),
        "p50_ms": round(statistics.median(took), 2),
        "p99_ms": round(took[min(int(len(took) * 0.99), len(took) - 1)], 2),
        "max_ms": round(took[-1], 1),
        "refused": int(sum(row[2] for row in rows if begin_s <= row[0] < end_s)),
    }


def digest_of(path: Path) -> str:
    """Return the hash of a database file, but for what tells only how often it was changed."""
    data = bytearray(path.read_bytes())
    for part in CHANGING:
        data[part] = bytes(part.stop - part.start)
    return hashlib.sha256(data).hexdigest()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "flowtrace.db"
        fill(path)
        settings = load_settings({"FLOWTRACE_HOME": folder, "FLOWTRACE_EMBEDDER": "off"})
        with closing(Store(path, lambda: time.time_ns() // 1000)) as store:
            context = Context(
                settings=settings,
                store=store,
                meaning=Meaning("off", lambda _: None),
                now_us=lambda: time.time_ns() // 1000,
                random_bytes=os.urandom,
            )
            out = Path(folder) / "writer.jsonl"
            with out.open("w") as told:
                writer = subprocess.Popen(
                    [sys.executable, __file__, "--write", str(path)],
                    stdout=told,
                    cwd=ROOT,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                )
                time.sleep(3)
                marks = [time.monotonic()]
                time.sleep(IDLE_S)
                marks.append(time.monotonic())
                backup = create_backup(context, BackupRequest(name="b"))
                marks.append(time.monotonic())
                time.sleep(IDLE_S)
                marks.append(time.monotonic())
                restore_backup(context, RestoreRequest(backup_id="b"))
                marks.append(time.monotonic())
                writer.kill()
                writer.wait()
            rows = [json.loads(line) for line in out.read_text().splitlines() if line.endswith("]")]
            verify_backup(context, "b")
            restored_spans = store.facts().span_count
            is_same = restore_is_same(context, folder)
            idle, during = between(rows, marks[0], marks[1]), between(rows, marks[1], marks[2])
            after = between(rows, marks[2], marks[3])
            figures = {
                "spans": backup.manifest.counts["spans"],
                "file_bytes": backup.manifest.database_bytes,
                "backup_s": round(marks[2] - marks[1], 1),
                "restore_s": round(marks[4] - marks[3], 1),
                "idle": idle,
                "during_backup": during,
                "idle_after": after,
                "during_restore": between(rows, marks[3], marks[4]),
                "spans_after_restore": restored_spans,
            }
    idle_p99 = max(idle["p99_ms"], after["p99_ms"])
    return report(
        "backup under load",
        figures,
        writers_p99_at_most_twice_idle=during["p99_ms"] <= TIMES_LIMIT * idle_p99,
        restore_is_same_by_hash=is_same,
    )


def restore_is_same(context: Context, folder: str) -> bool:
    """Restore with nobody writing, and hold the file's hash against that of the prepared copy."""
    from flowtrace_mcp.services.backups import find_backup

    with unpacked(context, find_backup(context, "b")) as copy:
        context.store.copies.prepare(copy, context.now_us())
        wanted = digest_of(copy)
        context.store.copies.replace_with(copy, lambda: None)
        live = Path(folder) / "compared.db"
        context.store.copies.copy_raw(live)
        return digest_of(live) == wanted


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        write_steadily(Path(sys.argv[2]))
    sys.exit(main())
