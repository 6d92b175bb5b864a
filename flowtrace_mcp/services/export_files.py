"""An export on disk: there whole, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flowtrace_mcp.errors import InputError, StorageError
from flowtrace_mcp.services.export_memories import Page

OWN_FILE: Final = 0o600  # memories are for their owner's eyes
OWN_FOLDER: Final = 0o700
_FRESH: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


def write_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Write a file that takes the place of an older one only once it is whole.

    Raises:
        InputError: The path is a folder.
        StorageError: It cannot be written.
    """
    if path.is_dir():
        raise InputError(
            f"cannot write to {path.name!r}", why="it is a folder", mend="give --to a file"
        )
    part = path.with_name(f".{path.name}.part")
    with _disk_errors():
        try:
            with os.fdopen(os.open(part, _FRESH, OWN_FILE), "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def write_pages(path: Path, pages: Iterable[Page]) -> None:
    """Write a folder that is there only once it is whole.

    Raises:
        InputError: There is something at the path already.
        StorageError: It cannot be written.
    """
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise InputError(
            f"cannot write to {path.name!r}",
            why="it is there, and not an empty folder",
            mend="give --to a new folder",
        )
    with _disk_errors():
        part = Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.absolute().parent))
        try:
            for page in pages:
                file = part / page.path
                file.parent.mkdir(mode=OWN_FOLDER, parents=True, exist_ok=True)
                file.write_bytes(page.data)
            if path.exists():
                path.rmdir()
            part.replace(path)
        finally:
            shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            "cannot write the export",
            why=error.strerror or "the disk does not take it",
            mend="give --to another place",
        ) from error
