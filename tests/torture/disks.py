"""Disks that fail on purpose, between SQLite and the real one.

``RecordingDisk`` writes down every change in its order, so that the disk as a power cut would have
left it can be made for any moment. ``FailingDisk`` fails one call, chosen by its number.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw

SECTOR_BYTES = 512
BASE = next(iter(apsw.vfs_names()))


@dataclass(frozen=True)
class Write:
    """Bytes handed to the disk; not safe before the next ``Sync`` of the file."""

    file: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    """A file made shorter."""

    file: str
    size: int


@dataclass(frozen=True)
class Sync:
    """All that was written to a file is safe from here on."""

    file: str


@dataclass(frozen=True)
class Delete:
    """A file removed."""

    file: str


Change = Write | Truncate | Sync | Delete


def name_of(name: Any) -> str:
    path = name.filename() if isinstance(name, apsw.URIFilename) else name
    return Path(path).name if path else ""


class RecordingDisk(apsw.VFS):
    """The disk that SQLite uses while this is open; it forgets nothing."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        super().__init__("recording", BASE, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - SQLite's name
        return _RecordedFile(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802 - SQLite's name
        self.changes.append(Delete(Path(filename).name))
        super().xDelete(filename, syncdir)


class _RecordedFile(apsw.VFSFile):
    def __init__(self, disk: RecordingDisk, name: Any, flags: list[int]) -> None:
        self._changes, self._name = disk.changes, name_of(name)
        super().__init__(BASE, name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        super().xWrite(data, offset)
        self._changes.append(Write(self._name, offset, bytes(data)))

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        super().xTruncate(newsize)
        self._changes.append(Truncate(self._name, newsize))

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        super().xSync(flags)
        self._changes.append(Sync(self._name))


@contextmanager
def recording() -> Iterator[RecordingDisk]:
    """Let SQLite use a recording disk for a while; close every database before the end."""
    disk = RecordingDisk()
    try:
        yield disk
    finally:
        disk.unregister()


@dataclass
class _File:
    safe: bytearray = field(default_factory=bytearray)
    waiting: list[Write | Truncate] = field(default_factory=list)


class Replay:
    """The disk step by step, and what a power cut would leave of it."""

    def __init__(self, changes: list[Change]) -> None:
        self._changes = changes
        self._done = 0
        self._files: defaultdict[str, _File] = defaultdict(_File)

    def advance(self, count: int) -> None:
        """Go on until ``count`` changes have been made."""
        for change in self._changes[self._done : count]:
            file = self._files[change.file]
            match change:
                case Sync():
                    for waiting in file.waiting:
                        _apply(file.safe, waiting)
                    file.waiting.clear()
                case Delete():
                    del self._files[change.file]
                case _:
                    file.waiting.append(change)
        self._done = max(self._done, count)

    def cut(self, folder: Path, chance: random.Random) -> None:
        """Write the files as a power cut now may leave them.

        Of what was not synced, any sectors may have reached the disk, in any order.
        """
        for name, file in self._files.items():
            if name:
                (folder / name).write_bytes(_after_cut(file, chance))


def _apply(image: bytearray, change: Write | Truncate) -> None:
    if isinstance(change, Truncate):
        del image[change.size :]
        return
    end = change.offset + len(change.data)
    if len(image) < end:
        image.extend(bytes(end - len(image)))
    image[change.offset : end] = change.data


def _after_cut(file: _File, chance: random.Random) -> bytes:
    image = bytearray(file.safe)
    pieces: list[Write | Truncate] = []
    for change in file.waiting:
        pieces += _sectors(change) if isinstance(change, Write) else [change]
    share = chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
    kept = [piece for piece in pieces if chance.random() < share]
    if chance.random() < 0.5:
        chance.shuffle(kept)
    for piece in kept:
        _apply(image, piece)
    return bytes(image)


def _sectors(write: Write) -> list[Write | Truncate]:
    """Return a write in the pieces that a disk makes durable one by one."""
    found: list[Write | Truncate] = []
    at, end = write.offset, write.offset + len(write.data)
    while at < end:
        upto = min((at // SECTOR_BYTES + 1) * SECTOR_BYTES, end)
        found.append(Write(write.file, at, write.data[at - write.offset : upto - write.offset]))
        at = upto
    return found


@dataclass
class Plan:
    """Which call fails, and how; calls are counted from 1."""

    fail_at: int = 0
    how: Callable[[], Exception] | None = None  # None: a short read
    count: int = 0
    hits: int = 0
    kinds: list[str] = field(default_factory=list)

    def meets(self, kind: str) -> bool:
        """Count a call; say whether it is to fail."""
        self.count += 1
        if self.fail_at == 0:
            self.kinds.append(kind)
        if self.count != self.fail_at:
            return False
        self.hits += 1
        return True


class FailingDisk(apsw.VFS):
    """The disk that SQLite uses while this is open; one call of it fails as planned."""

    def __init__(self) -> None:
        self.plan = Plan()
        super().__init__("failing", BASE, makedefault=True)

    def xOpen(self, name: Any, flags: list[int]) -> Any:  # noqa: N802 - SQLite's name
        if self.plan.meets("open") and self.plan.how is not None:
            raise apsw.CantOpenError
        return _FailingFile(self, name, flags)


class _FailingFile(apsw.VFSFile):
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:
        self._disk, self._name = disk, name_of(name)
        super().__init__(BASE, name, flags)

    def _fail(self, kind: str) -> bool:
        """Raise when this call is to fail; say whether it is to be short instead."""
        plan = self._disk.plan
        if not plan.meets(kind):
            return False
        if plan.how is not None:
            raise plan.how()
        return True

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802 - SQLite's name
        if self._fail("read") and self._name.endswith("-wal"):
            return super().xRead(amount, offset)[: amount // 2]
        # Of the database file itself SQLite takes a short read for its end. The system's calls
        # may fall short in the middle too; SQLite's own layer then asks for the rest.
        return super().xRead(amount, offset)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802 - SQLite's name
        if self._fail("write"):  # half of it arrives, and the disk says so
            super().xWrite(data[: len(data) // 2], offset)
            raise io_error(apsw.SQLITE_IOERR_WRITE)
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:  # noqa: N802 - SQLite's name
        if self._fail("truncate"):
            raise io_error(apsw.SQLITE_IOERR_TRUNCATE)
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:  # noqa: N802 - SQLite's name
        if self._fail("sync"):
            raise io_error(apsw.SQLITE_IOERR_FSYNC)
        super().xSync(flags)

    def xFileSize(self) -> int:  # noqa: N802 - SQLite's name
        if self._fail("size"):
            raise io_error(apsw.SQLITE_IOERR_FSTAT)
        return super().xFileSize()

    def xLock(self, level: int) -> None:  # noqa: N802 - SQLite's name
        if self._fail("lock"):
            raise io_error(apsw.SQLITE_IOERR_LOCK)
        super().xLock(level)


def io_error(extended: int) -> apsw.IOError:
    """Return the error of a disk that failed at one sort of call."""
    error = apsw.IOError("injected")
    error.extendedresult = extended
    return error


def full() -> apsw.FullError:
    """Return the error of a disk that is full."""
    return apsw.FullError("injected")


def broken() -> apsw.IOError:
    """Return the error of a disk that failed."""
    return io_error(apsw.SQLITE_IOERR_READ)


FAILURES: dict[str, Callable[[], Exception] | None] = {
    "error": broken,
    "full": full,
    "short": None,
}


@contextmanager
def failing() -> Iterator[FailingDisk]:
    """Let SQLite use a failing disk for a while; close every database before the end."""
    disk = FailingDisk()
    try:
        yield disk
    finally:
        disk.unregister()
