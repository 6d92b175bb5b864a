"""A backup as one zip file, to be kept elsewhere, and back.

A zip that arrives is somebody else's: only the two entries that a backup of ours has are taken,
under names that we choose, and never more bytes than they say and the disk has room for.
"""

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from flowtrace_mcp.errors import DamagedError, InputError, TooLargeError
from flowtrace_mcp.services.backups import (
    MANIFEST_FILE,
    MANIFEST_LIMIT_BYTES,
    Backup,
    Manifest,
    find_backup,
    finish_backup,
    free_id,
    making_folder,
    read_manifest,
    refuse_full,
    refuse_taken,
    storage_paths,
    unpacked,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.sealing import CHUNK_BYTES, Tally, read_parts, write_parts
from flowtrace_mcp.storage.live_copy import inspect_copy

ARCHIVE_PREFIX: Final = "flowtrace_backup_"
IMPORTED_PREFIX: Final = "imported_"
ENTRIES_MOST: Final = 8
_ENCRYPTED: Final = 0x1
# What the standard library raises where a zip file is broken; a place before its beginning is OSError.
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    RuntimeError,  # NotImplementedError is one
    ValueError,
    OSError,
)
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def archive_name(backup_id: str) -> str:
    """Return what the zip of a backup is called."""
    return f"{ARCHIVE_PREFIX}{backup_id}.zip"


def export_backup(context: Context, backup_id: str, target: Path) -> Backup:
    """Write a backup to a new zip file, its folder as the top level.

    Raises:
        NotFoundError: There is none of that name.
        InputError: The file is there already.
    """
    backup = find_backup(context, backup_id)
    if target.exists():
        raise InputError(
            f"{target.name!r} is there already",
            why="nothing is overwritten",
            mend="give another path",
        )
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    with storage_paths():
        try:
            os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            with zipfile.ZipFile(unfinished, "w") as archive:
                for name, method in _entries(backup.manifest):
                    info = zipfile.ZipInfo(f"{backup_id}/{name}")
                    info.compress_type = method
                    info.external_attr = (stat.S_IFREG | 0o600) << 16
                    with archive.open(info, "w", force_zip64=True) as entry:
                        for part in read_parts(backup.path / name):
                            entry.write(part)
            unfinished.rename(target)
        finally:
            unfinished.unlink(missing_ok=True)
    return backup


def import_backup(context: Context, path: Path, name: str = "", passphrase: str = "") -> Backup:
    """Take in a backup from a zip file; nothing of the database changes.

    Args:
        context: The means of the program.
        path: The zip file.
        name: What to call it; "" = as it was called, or by the time when that is taken.
        passphrase: Of an encrypted one, to look into it now; without, that waits for a restore.

    Raises:
        InputError: It is no zip, no backup of ours, not what its manifest says, or the name is
            none.
        TooLargeError: An entry says that it is larger than a manifest is.
        ConflictError: There is a backup of that name.
    """
    if name:
        refuse_taken(context, name)
    try:
        return _taken_in(context, path, name, passphrase)
    except DamagedError as error:  # what somebody sends is bad input, nothing of ours is damaged
        raise InputError(error.what, why=error.why, mend=error.mend) from error


def _taken_in(context: Context, path: Path, name: str, passphrase: str) -> Backup:
    with _opened(path) as archive:
        manifest_entry, data_entry = _checked(archive)
        manifest = read_manifest(_read_small(archive, manifest_entry))
        (stored,) = manifest.files
        if data_entry.filename.rpartition("/")[2] != stored.path:
            raise _foreign(data_entry.filename)
        if data_entry.file_size != stored.size_bytes:
            raise _not_whole()
        refuse_full(context, stored.size_bytes + manifest.database_bytes)
        with making_folder(context) as folder:
            tally = Tally()
            with storage_paths():
                parts = _bounded(archive, data_entry, stored.size_bytes)
                write_parts(folder / stored.path, tally.of(parts))
            if (tally.size_bytes, tally.sha256) != (stored.size_bytes, stored.sha256):
                raise _not_whole()
            _look_inside(context, Backup(manifest=manifest, path=folder), passphrase)
            manifest = msgspec.structs.replace(
                manifest, backup_id=name or _free_name(context, manifest)
            )
            return finish_backup(context, folder, manifest)


def _look_inside(context: Context, backup: Backup, passphrase: str) -> None:
    if backup.manifest.encryption is not None and not passphrase:
        return
    with unpacked(context, backup, passphrase) as copy:
        inspect_copy(copy)


def _entries(manifest: Manifest) -> Iterator[tuple[str, int]]:
    yield MANIFEST_FILE, zipfile.ZIP_DEFLATED
    is_packed = manifest.compression != "none" or manifest.encryption is not None
    for one in manifest.files:
        yield one.path, zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED


def _opened(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise InputError(
            f"cannot read {path.name!r}", why="it is not there", mend="check the path"
        ) from error
    except _BROKEN as error:
        raise InputError(
            f"cannot read {path.name[:80]!r}",
            why="it is no zip file",
            mend="give what `flowtrace backup export` wrote",
        ) from error


def _checked(archive: zipfile.ZipFile) -> tuple[zipfile.ZipInfo, zipfile.ZipInfo]:
    """Return the entries of the manifest and of the data; there are no others.

    Raises:
        DamagedError: There are, or one of them is a link, encrypted, or leads out of its folder.
    """
    entries = archive.infolist()
    if len(entries) > ENTRIES_MOST:
        raise _foreign(f"{len(entries)} entries")
    files = [entry for entry in entries if not entry.is_dir()]
    tops = {entry.filename.split("/")[0] for entry in entries}
    for entry in entries:
        _refuse_unfit(entry)
    names = [entry.filename.rpartition("/")[2] for entry in files]
    if len(tops) != 1 or len(files) != 2 or names.count(MANIFEST_FILE) != 1:
        raise _foreign(", ".join(sorted(entry.filename for entry in entries))[:200])
    at = names.index(MANIFEST_FILE)
    return files[at], files[1 - at]


def _refuse_unfit(entry: zipfile.ZipInfo) -> None:
    parts = entry.filename.removesuffix("/").split("/")
    mode = entry.external_attr >> 16
    is_plain = stat.S_IFMT(mode) in {0, stat.S_IFREG, stat.S_IFDIR}
    is_inside = len(parts) <= 2 and not {"", ".", ".."}.intersection(parts)
    is_named = not any(one in entry.filename for one in ("\\", ":", "\0"))
    is_readable = not entry.flag_bits & _ENCRYPTED and entry.compress_type in _METHODS
    if not (is_plain and is_inside and is_named and is_readable):
        raise _foreign(entry.filename[:100])


def _read_small(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MANIFEST_LIMIT_BYTES:
        raise TooLargeError(
            "the manifest is too large",
            why=f"at most {MANIFEST_LIMIT_BYTES} bytes are read",
            mend="give a backup made by Flowtrace",
        )
    return b"".join(_bounded(archive, entry, MANIFEST_LIMIT_BYTES))


def _bounded(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, limit_bytes: int) -> Iterator[bytes]:
    """Yield what an entry unpacks to, never more than a limit, whatever it says of itself."""
    left = limit_bytes
    try:
        with archive.open(entry) as file:
            while part := file.read(min(CHUNK_BYTES, left + 1)):
                left -= len(part)
                if left < 0:
                    raise _not_whole()
                yield part
    except _BROKEN as error:
        raise _not_whole() from error


def _free_name(context: Context, manifest: Manifest) -> str:
    """Return the name that a backup had, or one by the time when that is taken here."""
    try:
        refuse_taken(context, manifest.backup_id)
    except InputError:
        return free_id(context, IMPORTED_PREFIX)
    return manifest.backup_id


def _foreign(what: str) -> DamagedError:
    return DamagedError(
        "this is no backup",
        why=f"it holds what a backup does not: {what!r}",
        mend="give what `flowtrace backup export` wrote",
    )


def _not_whole() -> DamagedError:
    return DamagedError(
        "the backup in the zip file is damaged",
        why="it is not what its manifest says",
        mend="export it again",
    )
