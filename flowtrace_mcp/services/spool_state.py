"""What waits in the spool of the hooks: see ``hook_spool``, which takes it up."""

import os
from pathlib import Path
from typing import Final

SPOOL_FILE: Final = "hooks.spool"
TAKING_FILE: Final = "hooks.taking"
# Of what waits so long nobody takes it up; hooks let events go where the file is full.
WAITED_LIMIT_US: Final = 60_000_000
FULL_BYTES: Final = 64 * 1024 * 1024


def is_waiting(home: Path) -> bool:
    """Say whether anything waits in a data folder."""
    return any((home / name).exists() for name in (TAKING_FILE, SPOOL_FILE))


def spool_problem(home: Path, now_us: int) -> str:
    """Return what is wrong with the spool of a data folder, "" when all is well."""
    found = [stat for name in (TAKING_FILE, SPOOL_FILE) if (stat := _stat(home / name))]
    size_bytes = sum(stat.st_size for stat in found)
    if not size_bytes:
        return ""
    waited_us = now_us - min(stat.st_mtime_ns for stat in found) // 1000
    if size_bytes > FULL_BYTES * 0.9:
        return f"{SPOOL_FILE} is full and later hook events are let go; start `flowtrace serve`"
    if waited_us > WAITED_LIMIT_US:
        said = f"{size_bytes:,} bytes of hook events wait in {SPOOL_FILE}"
        return f"{said}; an editor that runs Flowtrace or `flowtrace serve` takes them up"
    return ""


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
