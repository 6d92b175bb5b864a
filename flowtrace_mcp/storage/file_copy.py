"""One state of a database written to a new file, page by page, while others write to it."""

import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw

from flowtrace_mcp.storage.connection import connect, storage_errors

# A step is 64 KiB. It is on the disk before the next one: what waits for the disk in one heap at
# the end would hold up every commit of the writers.
STEP_PAGES: Final = 16
# After a step the disk is left to others for longer than the step took, at most so long.
PAUSE_FACTOR: Final = 2
PAUSE_MOST_S: Final = 0.05

Note = Callable[[float], None]  # is told the share that is done, 0 to 1


def copy_database(
    source: Path, target: Path, note: Note = lambda _: None, *, is_paced: bool = True
) -> None:
    """Write one state of a database, as of now, to a new file; others go on writing.

    Args:
        source: The database, open elsewhere or not.
        target: Nothing is there yet.
        note: Is told how far it is.
        is_paced: Whether the disk is left to others now and then; not while they wait for us.

    Raises:
        StorageError: It cannot be read, or there is no room.
    """
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with storage_errors(), closing(connect(source, writable=False)) as live, live:
        live.execute("SELECT count(*) FROM sqlite_schema").get  # noqa: B018 - takes the snapshot
        with closing(apsw.Connection(str(target))) as copy, target.open("rb") as file:
            copy.execute("PRAGMA journal_mode = OFF").get  # noqa: B018 - it is thrown away if cut short
            copy.execute("PRAGMA synchronous = OFF")
            with copy.backup("main", live, "main") as backup:
                while not backup.done:
                    began_s = time.monotonic()
                    backup.step(STEP_PAGES)
                    note(share_done(backup))
                    if is_paced:
                        _sync_data(file.fileno())
                        took_s = time.monotonic() - began_s
                        time.sleep(min(took_s * PAUSE_FACTOR, PAUSE_MOST_S))
            copy.execute("PRAGMA journal_mode = DELETE").get  # noqa: B018 - stands alone, without a log
            os.fsync(file.fileno())


# What the file system notes of a file may wait, and with it everybody's commits.
_sync_data: Final = getattr(os, "fdatasync", os.fsync)


def share_done(backup: apsw.Backup) -> float:
    """Return how much of a copy is done, 0 to 1."""
    return 1.0 - backup.remaining / max(backup.page_count, 1)
