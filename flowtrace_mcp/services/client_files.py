"""Other programs' files: read whole, edited in memory, written at once or not at all."""

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowtrace_mcp.clients import jsonc, toml_tables
from flowtrace_mcp.clients.table import Entry
from flowtrace_mcp.errors import InputError

FILE_LIMIT_BYTES: Final = 64 * 1024 * 1024
_MARK: Final = "\ufeff"  # that some editors put first


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file as it is and as it is to be; None = it is not there."""

    path: Path
    before: bytes | None
    after: bytes | None


def read_file(path: Path) -> bytes | None:
    """Return the bytes of a file, None when there is none.

    Raises:
        InputError: It is no file that can be read.
    """
    try:
        if path.stat().st_size > FILE_LIMIT_BYTES:
            raise _unusable(path, f"it is larger than {FILE_LIMIT_BYTES} bytes")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _unusable(path, error.strerror or "it cannot be read") from error


def with_entries(path: Path, data: bytes | None, entries: Iterable[Entry]) -> bytes:
    """Return a file's bytes with entries of ours in it.

    Raises:
        InputError: The file cannot be understood.
    """
    mark, text = _text_of(path, data)
    with _about(path):
        for entry in entries:
            text = _with(text, entry)
    return (mark + text).encode()


def without_entries(path: Path, data: bytes, entries: Iterable[Entry]) -> bytes:
    """Return a file's bytes without entries of ours; see ``with_entries``."""
    mark, text = _text_of(path, data)
    with _about(path):
        for entry in entries:
            text = _without(text, entry)
    return (mark + text).encode()


def value_at(path: Path, data: bytes | None, entry: Entry) -> Any:
    """Return what stands where an entry would, None when nothing does."""
    _, text = _text_of(path, data)
    with _about(path):
        if entry.form == "toml":
            return toml_tables.find_table(text, entry.keys)
        return jsonc.find(text, entry.keys)


def holds(path: Path, data: bytes | None, entry: Entry) -> bool:
    """Say whether a file has an entry just so."""
    found = value_at(path, data, entry)
    if entry.is_item:
        return isinstance(found, list) and entry.value in found
    return bool(found == entry.value)


def check_writable(path: Path) -> None:
    """Refuse a file that its owner has made read-only, or whose folder takes no files.

    Raises:
        InputError: It is one.
    """
    target = path.resolve()
    with suppress(FileNotFoundError):
        mode = target.stat().st_mode
        if not stat.S_ISREG(mode):
            raise _unusable(path, "it is no plain file")
        if not mode & stat.S_IWUSR:
            raise _unusable(path, "it is read-only", mend=f"chmod u+w '{path}'")
    folder = next(parent for parent in target.parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(path, f"{folder} takes no files")


def write_change(change: FileChange) -> None:
    """Bring a file to what it is to be, whole or not at all; links are followed.

    Raises:
        InputError: It is not what it was when the change was made up, or cannot be written.
    """
    if read_file(change.path) != change.before:
        raise InputError(
            f"{change.path} was changed meanwhile",
            why="another program has written it",
            mend="try again",
        )
    target = change.path.resolve()
    try:
        if change.after is None:
            target.unlink(missing_ok=True)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, change.after)
    except OSError as error:
        raise _unusable(change.path, error.strerror or "it cannot be written") from error


def digest(data: bytes | None) -> str:
    """Return the SHA-256 of a file's bytes in hex, "" for a file that is not there."""
    return "" if data is None else hashlib.sha256(data).hexdigest()


def _replace(target: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileNotFoundError):
            told = target.stat()
            Path(name).chmod(stat.S_IMODE(told.st_mode))
            with suppress(OSError, AttributeError):  # another's file, or Windows
                os.chown(name, told.st_uid, told.st_gid)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _text_of(path: Path, data: bytes | None) -> tuple[str, str]:
    try:
        text = (data or b"").decode()
    except UnicodeDecodeError as error:
        raise _unusable(path, "it is not UTF-8") from error
    return (_MARK, text[1:]) if text.startswith(_MARK) else ("", text)


def _with(text: str, entry: Entry) -> str:
    if entry.form == "toml":
        return toml_tables.with_table(text, entry.keys, entry.value)
    if entry.is_item:
        return jsonc.with_item(text, entry.keys, entry.value)
    if entry.gives_way and jsonc.find(text, entry.keys) is not None:
        return text
    return jsonc.with_value(text, entry.keys, entry.value)


def _without(text: str, entry: Entry) -> str:
    if entry.form == "toml":
        return toml_tables.without_table(text, entry.keys)
    if entry.is_item:
        return jsonc.without_item(text, entry.keys, entry.value)
    if entry.gives_way and jsonc.find(text, entry.keys) != entry.value:
        return text
    return jsonc.without(text, entry.keys)


@contextmanager
def _about(path: Path) -> Iterator[None]:
    """Say of which file an error of the text is."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error.what}", why=error.why, mend=error.mend) from error


def _unusable(path: Path, why: str, *, mend: str = "mend it, then try again") -> InputError:
    return InputError(f"cannot use {path}", why=why, mend=mend)


def entries_of(entries: Sequence[Entry], path: Path) -> list[Entry]:
    """Return those entries that stand in one file."""
    return [entry for entry in entries if entry.path == path]
