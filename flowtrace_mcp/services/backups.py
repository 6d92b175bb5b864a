"""Backups: folders beside the database, each with a copy of it and a manifest that says what it is.

A backup is made under a name that nobody lists and gets its own name once all of it is on the
disk: what is listed is whole.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from flowtrace_mcp import __version__
from flowtrace_mcp.errors import (
    ConflictError,
    DamagedError,
    InputError,
    NotFoundError,
    ReadOnlyError,
    StorageError,
)
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.keys import note_action
from flowtrace_mcp.services.sealing import (
    KeyMaking,
    Tally,
    compressed,
    decompressed,
    decrypted,
    encrypted,
    make_key,
    new_key_making,
    read_parts,
    write_parts,
)
from flowtrace_mcp.storage.file_copy import Note
from flowtrace_mcp.storage.live_copy import CopyFacts, inspect_copy

BACKUPS_FOLDER: Final = "backups"
MANIFEST_FILE: Final = "manifest.json"
DATABASE_FILE: Final = "flowtrace.db"
FORMAT_VERSION: Final = 1
MANIFEST_LIMIT_BYTES: Final = 64 * 1024
BACKUPS_LIMIT: Final = 1000
# Left free on the disk, whatever is copied.
RESERVE_BYTES: Final = 64 * 1024 * 1024
NAME_PREFIX: Final = "backup_"
SCHEDULED_PREFIX: Final = "auto_"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_UNFINISHED: Final = ".making-"
_STALE_US: Final = DAY_US


class StoredFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of a backup."""

    path: str
    size_bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a backup is."""

    format: int
    backup_id: str
    created_at: int  # seconds since the epoch
    flowtrace_version: str
    schema_version: int
    data_folder_id: str
    counts: dict[str, int]
    database_bytes: int
    database_sha256: str
    compression: str  # none or zstd
    encryption: KeyMaking | None
    files: tuple[StoredFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A backup that is there."""

    manifest: Manifest
    path: Path

    @property
    def backup_id(self) -> str:
        """Return its name."""
        return self.path.name

    @property
    def size_bytes(self) -> int:
        """Return what it takes on the disk, its manifest left out."""
        return sum(file.size_bytes for file in self.manifest.files)

    def body(self) -> dict[str, object]:
        """Return what lists tell of it."""
        kept = self.manifest
        return {
            "backup_id": self.backup_id,
            "created_at": kept.created_at,
            "size_bytes": self.size_bytes,
            "path": str(self.path),
            "database_bytes": kept.database_bytes,
            "schema_version": kept.schema_version,
            "flowtrace_version": kept.flowtrace_version,
            "compression": kept.compression,
            "encrypted": kept.encryption is not None,
            "counts": kept.counts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupRequest:
    """How to make a backup.

    Attributes:
        name: "" = ``backup_`` and the time in seconds.
        is_compressed: By zstd.
        passphrase: "" = not encrypted.
    """

    name: str = ""
    is_compressed: bool = False
    passphrase: str = ""


def backups_folder(context: Context) -> Path:
    """Return where the backups of the file are."""
    return context.settings.db_path.parent / BACKUPS_FOLDER


def create_backup(context: Context, request: BackupRequest, note: Note = lambda _: None) -> Backup:
    """Copy the file as it is now, while others write to it, and return the backup.

    Raises:
        ConflictError: There is a backup of that name.
        InputError: The name or the passphrase is none.
        DamagedError: The file does not hold together; no backup was made.
        ReadOnlyError: The disk is full.
    """
    backup_id = request.name or free_id(context, NAME_PREFIX)
    refuse_taken(context, backup_id)
    key_making = new_key_making() if request.passphrase else None
    key = make_key(request.passphrase, key_making) if key_making else b""
    refuse_full(context, context.settings.db_path.stat().st_size)
    with making_folder(context) as folder:
        plain = folder / "copy"
        facts = context.store.copies.copy_to(plain, note)
        manifest = _pack(folder, plain, facts, request, key)
        manifest = msgspec.structs.replace(
            manifest,
            backup_id=backup_id,
            created_at=context.now_us() // 1_000_000,
            encryption=key_making,
        )
        return finish_backup(context, folder, manifest)


def adopt_copy(context: Context, folder: Path) -> Backup:
    """Make a backup of a copy that lies in the folder of its name already.

    What does not hold together is kept as it is, with nothing told of what it holds.
    """
    plain, whole = folder / DATABASE_FILE, Tally()
    try:
        facts = inspect_copy(plain)
    except StorageError:
        facts = CopyFacts(schema_version=0, data_folder_id="", counts={})
    for _ in whole.of(read_parts(plain)):
        pass
    manifest = msgspec.structs.replace(
        _manifest(facts, whole, DATABASE_FILE, whole),
        backup_id=folder.name,
        created_at=context.now_us() // 1_000_000,
    )
    with storage_paths():
        _write_manifest(folder, manifest)
        _sync_folder(folder.parent)
    return Backup(manifest=manifest, path=folder)


def list_backups(context: Context) -> list[Backup]:
    """Return the backups, newest first; a folder without a manifest of ours is none."""
    folder = backups_folder(context)
    if not folder.is_dir():
        return []
    names = sorted(one.name for one in folder.iterdir() if _ID.fullmatch(one.name))
    found = [_opened(folder / name) for name in names[:BACKUPS_LIMIT]]
    kept = [one for one in found if one is not None]
    return sorted(kept, key=lambda one: (one.manifest.created_at, one.backup_id), reverse=True)


def find_backup(context: Context, backup_id: str) -> Backup:
    """Return a backup by its name.

    Raises:
        NotFoundError: There is none of that name.
    """
    found = None
    if _ID.fullmatch(backup_id):
        found = _opened(backups_folder(context) / backup_id)
    if found is None:
        raise NotFoundError(
            f"there is no backup {backup_id[:100]!r}",
            why="none of that name is in the folder of backups",
            mend="see `flowtrace backup list`",
        )
    return found


def delete_backup(context: Context, backup_id: str) -> Backup:
    """Remove a backup and return what it was.

    Raises:
        NotFoundError: There is none of that name.
    """
    backup = find_backup(context, backup_id)
    with storage_paths():
        going = backup.path.with_name(f"{_UNFINISHED}{backup.backup_id}")
        backup.path.rename(going)  # half removed it must not be listed
        shutil.rmtree(going)
    note_action(context, "backup", f"deleted {backup.backup_id}")
    return backup


def verify_backup(context: Context, backup_id: str, passphrase: str = "") -> Backup:
    """Read a backup whole, hold it against its hashes, and look whether the copy holds together.

    Raises:
        NotFoundError: There is none of that name.
        DamagedError: It is not what was written.
        AccessError: It is encrypted, with another passphrase.
    """
    backup = find_backup(context, backup_id)
    with unpacked(context, backup, passphrase) as copy:
        inspect_copy(copy)
    return backup


def keep_newest(context: Context, count: int) -> list[str]:
    """Remove all but the newest backups that were made by the clock; return which went."""
    made = [one for one in list_backups(context) if _is_scheduled(one)]
    return [delete_backup(context, one.backup_id).backup_id for one in made[count:]]


@contextmanager
def unpacked(context: Context, backup: Backup, passphrase: str = "") -> Iterator[Path]:
    """Lend the copy that a backup holds, unpacked and held against its hashes.

    Raises:
        DamagedError: It is not what was written.
        AccessError: It is encrypted, with another passphrase.
    """
    manifest = backup.manifest
    (stored,) = manifest.files
    refuse_full(context, manifest.database_bytes)
    key = _key_of(manifest, passphrase)
    with making_folder(context) as folder:
        tally, plain = Tally(), Tally()
        parts = tally.of(read_parts(backup.path / stored.path))
        if manifest.encryption is not None:
            parts = decrypted(parts, key)
        if manifest.compression == "zstd":
            parts = decompressed(parts, manifest.database_bytes)
        copy = folder / DATABASE_FILE
        with storage_paths():
            write_parts(copy, plain.of(parts))
        found = (tally.size_bytes, tally.sha256, plain.size_bytes, plain.sha256)
        wanted = (
            stored.size_bytes,
            stored.sha256,
            manifest.database_bytes,
            manifest.database_sha256,
        )
        if found != wanted:
            raise DamagedError(
                f"the backup {backup.backup_id!r} is damaged",
                why="it is not what its manifest says",
                mend="restore another backup",
            )
        yield copy


@contextmanager
def making_folder(context: Context) -> Iterator[Path]:
    """Lend a folder that is removed at the end unless it was renamed; sweep old ones."""
    parent = backups_folder(context)
    with storage_paths():
        parent.mkdir(mode=0o700, exist_ok=True, parents=True)
        for one in parent.glob(f"{_UNFINISHED}*"):
            if one.stat().st_mtime * 1_000_000 < context.now_us() - _STALE_US:
                shutil.rmtree(one, ignore_errors=True)
        folder = parent / f"{_UNFINISHED}{os.urandom(8).hex()}"
        folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finish_backup(context: Context, folder: Path, manifest: Manifest) -> Backup:
    """Give a folder that is whole its name.

    Raises:
        ConflictError: Another one has got the name meanwhile.
    """
    target = backups_folder(context) / manifest.backup_id
    with storage_paths():
        _write_manifest(folder, manifest)
        try:
            folder.rename(target)
        except OSError as error:
            if target.exists():
                raise _taken(manifest.backup_id) from error
            raise
        _sync_folder(target.parent)
    return Backup(manifest=manifest, path=target)


def read_manifest(data: bytes) -> Manifest:
    """Return the manifest that some bytes are.

    Raises:
        DamagedError: They are none, or one of a newer format.
    """
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except UNDECODABLE as error:
        raise _no_backup("its manifest is not one of ours") from error
    is_known = manifest.format == FORMAT_VERSION and manifest.compression in {"none", "zstd"}
    is_named = bool(_ID.fullmatch(manifest.backup_id))
    is_sized = manifest.database_bytes > 0 and all(one.size_bytes > 0 for one in manifest.files)
    if not (is_known and is_named and is_sized and len(manifest.files) == 1):
        raise _no_backup("its manifest says what this Flowtrace does not know")
    if manifest.files[0].path not in {DATABASE_FILE, f"{DATABASE_FILE}.sealed"}:
        raise _no_backup("its manifest names a file that is not ours")
    return manifest


def free_id(context: Context, prefix: str) -> str:
    """Return a name that no backup has: a prefix and the time in seconds."""
    name = f"{prefix}{context.now_us() // 1_000_000}"
    folder, number = backups_folder(context), 1
    while (folder / (name if number == 1 else f"{name}_{number}")).exists():
        number += 1
    return name if number == 1 else f"{name}_{number}"


def refuse_taken(context: Context, backup_id: str) -> None:
    """Refuse a name that is none, or that a backup has.

    Raises:
        InputError: It is no name.
        ConflictError: It is taken.
    """
    if not _ID.fullmatch(backup_id):
        raise InputError(
            f"a backup cannot be called {backup_id[:100]!r}",
            why="a name is 1 to 100 letters, digits, dots, dashes and underscores",
            mend="choose another name",
        )
    if (backups_folder(context) / backup_id).exists():
        raise _taken(backup_id)


def refuse_full(context: Context, needed_bytes: int) -> None:
    """Refuse what the disk has no room for.

    Raises:
        ReadOnlyError: It is so.
    """
    free_bytes = shutil.disk_usage(context.settings.db_path.parent).free
    if needed_bytes + RESERVE_BYTES > free_bytes:
        raise ReadOnlyError(
            "there is no room for a copy",
            why=f"it takes {needed_bytes:,} bytes and {free_bytes:,} are free",
            mend="free some space, or delete older backups",
        )


@contextmanager
def storage_paths() -> Iterator[None]:
    """Turn errors of the file system into ours."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            "cannot use the folder of backups",
            why=error.strerror or type(error).__name__,
            mend="see that the data folder is yours and the disk has room",
        ) from error


def _pack(
    folder: Path, plain: Path, facts: CopyFacts, request: BackupRequest, key: bytes
) -> Manifest:
    """Make the stored file of a copy, which goes, and return what is known of both."""
    whole, stored = Tally(), Tally()
    if not request.is_compressed and not key:  # the copy itself, read once for its hash
        with storage_paths():
            plain.rename(folder / DATABASE_FILE)
        for _ in whole.of(read_parts(folder / DATABASE_FILE)):
            pass
        return _manifest(facts, whole, DATABASE_FILE, whole)
    name = f"{DATABASE_FILE}.sealed"
    parts = whole.of(read_parts(plain))
    if request.is_compressed:
        parts = compressed(parts)
    if key:
        parts = encrypted(parts, key)
    with storage_paths():
        write_parts(folder / name, stored.of(parts))
        plain.unlink()
    manifest = _manifest(facts, whole, name, stored)
    return msgspec.structs.replace(
        manifest, compression="zstd" if request.is_compressed else "none"
    )


def _manifest(facts: CopyFacts, whole: Tally, name: str, stored: Tally) -> Manifest:
    return Manifest(
        format=FORMAT_VERSION,
        backup_id="unnamed",
        created_at=0,
        flowtrace_version=__version__,
        schema_version=facts.schema_version,
        data_folder_id=facts.data_folder_id,
        counts=dict(facts.counts),
        database_bytes=whole.size_bytes,
        database_sha256=whole.sha256,
        compression="none",
        encryption=None,
        files=(StoredFile(path=name, size_bytes=stored.size_bytes, sha256=stored.sha256),),
    )


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    write_parts(folder / MANIFEST_FILE, [data, b"\n"])
    _sync_folder(folder)


def _opened(path: Path) -> Backup | None:
    """Return the backup in a folder, None when it is none of ours."""
    manifest_path = path / MANIFEST_FILE
    try:
        if path.is_symlink() or manifest_path.stat().st_size > MANIFEST_LIMIT_BYTES:
            return None
        return Backup(manifest=read_manifest(manifest_path.read_bytes()), path=path)
    except (OSError, DamagedError):
        return None


def _key_of(manifest: Manifest, passphrase: str) -> bytes:
    if manifest.encryption is None:
        return b""
    if not passphrase:
        raise InputError(
            f"the backup {manifest.backup_id!r} is encrypted",
            why="no passphrase was given",
            mend="give the passphrase that it was made with",
        )
    return make_key(passphrase, manifest.encryption)


def _is_scheduled(backup: Backup) -> bool:
    number = backup.backup_id.removeprefix(SCHEDULED_PREFIX)
    return backup.backup_id.startswith(SCHEDULED_PREFIX) and number.replace("_", "").isdigit()


def _taken(backup_id: str) -> ConflictError:
    return ConflictError(
        f"there is a backup {backup_id!r} already",
        why="a backup is never overwritten",
        mend="choose another name, or delete that one",
    )


def _no_backup(why: str) -> DamagedError:
    return DamagedError("this is no backup", why=why, mend="give a backup made by Flowtrace")


def _sync_folder(folder: Path) -> None:
    """See that the names in a folder are on the disk, where the system knows of that."""
    if os.name == "nt":
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
