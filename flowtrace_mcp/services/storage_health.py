"""How the database file is: its honest figures, and what to do about them."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from flowtrace_mcp.model.times import DAY_US, iso_time
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.retention import effective_rules
from flowtrace_mcp.storage.file_health import FilePages, TreePages
from flowtrace_mcp.storage.health_store import IntegrityCheck, Written

LARGE_LOG_BYTES: Final = 256 * 1024 * 1024
FREE_SHARE: Final = 0.25
FREE_LEAST_BYTES: Final = 64 * 1024 * 1024
LARGE_FILE_BYTES: Final = 4 * 1024**3
CHECK_DAYS: Final = 30
# A backup and a shrinking of the file each need as much room again.
ROOM_FACTOR: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageHealth:
    """The file, its log, the disk it lies on, and advice."""

    path: str
    file_bytes: int
    log_bytes: int
    pages: FilePages
    disk_free_bytes: int | None
    last_checkpoint_us: int  # when the file itself was written last
    last_check: IntegrityCheck | None
    written: Written
    trees: tuple[TreePages, ...]  # none unless they were asked for
    advice: tuple[str, ...] = ()

    @property
    def free_bytes(self) -> int:
        """Return how much of the file is free for what comes."""
        return self.pages.free_pages * self.pages.page_bytes


def storage_health(context: Context, *, with_tables: bool = False) -> StorageHealth:
    """Return the figures of the file.

    Args:
        context: The means of the program.
        with_tables: Whether each table is measured too, for which the whole file is read.
    """
    store = context.store
    log_path = store.path.with_name(store.path.name + "-wal")
    free_bytes = None
    with suppress(OSError):
        free_bytes = shutil.disk_usage(store.path.parent).free
    written_ns = store.path.stat().st_mtime_ns
    health = StorageHealth(
        path=str(store.path),
        file_bytes=store.path.stat().st_size,
        log_bytes=log_path.stat().st_size if log_path.exists() else 0,
        pages=store.health.file_pages(),
        disk_free_bytes=free_bytes,
        # With a write-ahead log, checkpoints alone write the file.
        last_checkpoint_us=written_ns // 1000,
        last_check=store.health.find_check(),
        written=store.health.written(),
        trees=tuple(store.health.list_trees()) if with_tables else (),
    )
    return replace(health, advice=tuple(_advice(context, health)))


def health_body(health: StorageHealth) -> dict[str, Any]:
    """Return the figures as JSON has them."""
    check, written = health.last_check, health.written
    return {
        "file_bytes": health.file_bytes,
        "log_bytes": health.log_bytes,
        "free_bytes": health.free_bytes,
        **asdict(health.pages),
        "disk_free_bytes": health.disk_free_bytes,
        "last_checkpoint_us": health.last_checkpoint_us,
        "last_integrity_check": None
        if check is None
        else {"at_us": check.at_us, "problems": check.problems},
        "log_bytes_written": written.log_bytes,
        "grown_bytes": written.grown_bytes,
        "write_amplification": written.amplification,
        "tables": [asdict(tree) for tree in health.trees],
        "advice": list(health.advice),
    }


def _advice(context: Context, health: StorageHealth) -> Iterator[str]:
    if health.log_bytes > LARGE_LOG_BYTES:
        yield ("the log is long: some program reads the file without end; it is cut when that ends")
    if health.free_bytes > max(FREE_LEAST_BYTES, FREE_SHARE * health.file_bytes):
        yield "a quarter of the file is free: `flowtrace retention run` gives it back"
    if health.file_bytes > LARGE_FILE_BYTES and not effective_rules(context):
        yield "nothing is ever let go: `flowtrace retention set --days 90` would keep 90 days"
    free_bytes = health.disk_free_bytes
    if free_bytes is not None and free_bytes < ROOM_FACTOR * health.file_bytes:
        yield "the disk has less than twice the file free: a backup may not fit"
    check = health.last_check
    if check is None:
        yield "the file was never checked as a whole: `flowtrace doctor` does"
    elif check.problems:
        yield "the last check found damage: `flowtrace doctor --repair`, or restore a backup"
    elif check.at_us < context.now_us() - CHECK_DAYS * DAY_US:
        yield f"the last check was on {iso_time(check.at_us)[:10]}: `flowtrace doctor` does another"
