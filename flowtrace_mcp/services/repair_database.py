"""A damaged database made whole as far as it can be read; see ``storage/repair.py``."""

import shutil
from typing import Final

from flowtrace_mcp.errors import NotFoundError, ReadOnlyError, StorageError
from flowtrace_mcp.services.documents import document_of
from flowtrace_mcp.settings import Settings
from flowtrace_mcp.storage.repair import Repaired, repair_file

ASIDE_PREFIX: Final = "damaged_"
# The original, what is saved of it, and the log by which it comes into the file.
COPIES: Final = 4


def repair_database(settings: Settings, now_us: int) -> Repaired:
    """Repair the file of the settings; the original is kept in a folder beside it.

    Raises:
        NotFoundError: There is no file.
        ReadOnlyError: There is no room for it.
        StorageError: The folder for the original cannot be made.
    """
    path = settings.db_path
    if not path.is_file():
        raise NotFoundError("there is no database", why=f"{path.name} is not there")
    needed_bytes = COPIES * path.stat().st_size
    if needed_bytes > shutil.disk_usage(path.parent).free:
        raise ReadOnlyError(
            "there is no room to repair",
            why=f"it takes up to {needed_bytes:,} bytes",
            mend="free some space",
        )
    number = now_us // 1_000_000
    while (aside := path.parent / f"{ASIDE_PREFIX}{number}").exists():
        number += 1
    try:
        return repair_file(path, aside, now_us, document_of)
    except OSError as error:
        raise StorageError(
            "cannot keep the damaged file aside",
            why=error.strerror or type(error).__name__,
            mend="see that the data folder is yours",
        ) from error
