"""What the files that a memory names held when it was written, and whether they still do.

A file is bound by its git blob id, made here from its content, so that no git is started. Git is
asked only for the commit that changed it, and only where one memory is opened.
"""

import hashlib
import os
import stat
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Final

from flowtrace_mcp.model.memory import Memory, ScopeName
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.git import ask_git

FILE_LIMIT_BYTES: Final = 8 * 1024 * 1024
# Of one question: what is beyond is not read, and nothing is said of it.
QUESTION_LIMIT_BYTES: Final = 32 * 1024 * 1024
QUESTION_LIMIT_FILES: Final = 300
KNOWN_FILES: Final = 4096
COMMIT_LIMIT_S: Final = 1.0
UNKNOWN: Final = ""
_PARENTS_LIMIT: Final = 64

_Stamp = tuple[int, int, int]  # inode, size, time of the last change in nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file that is not what it was when a memory named it."""

    path: str
    commit: str = ""  # the one that changed it, "" when none did yet or git cannot tell

    @property
    def text(self) -> str:
        """Return the path, and the commit where there is one."""
        return f"{self.path} ({self.commit})" if self.commit else self.path


class FileContents:
    """Git blob ids of files, made again only when a file's size or time has changed."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[_Stamp, str]] = OrderedDict()
        self._lock = Lock()

    def blob_id(self, path: Path, left_bytes: int = FILE_LIMIT_BYTES) -> tuple[str, int]:
        """Return the blob id of a file and how many bytes were read for it.

        Args:
            path: Inside the repository, with links followed.
            left_bytes: A longer file is not read, and is ``UNKNOWN``.

        Raises:
            OSError: There is no such file.
        """
        told = path.stat()
        if not stat.S_ISREG(told.st_mode):
            raise FileNotFoundError(path.name)
        known = self._find(str(path), _stamp_of(told))
        if known:
            return known, 0
        if told.st_size > min(FILE_LIMIT_BYTES, left_bytes):
            return UNKNOWN, 0
        content = path.read_bytes()
        blob = blob_id_of(content)
        self.keep(str(path), told, blob)
        return blob, len(content)

    def find(self, name: str) -> str:
        """Return the blob id of a file as it was kept under a name, "" when it is another now.

        Raises:
            OSError: There is no such file.
        """
        return self._find(name, _stamp_of(Path(name).stat()))

    def keep(self, name: str, told: os.stat_result, blob: str) -> None:
        """Keep the blob id of a file under a name, as long as the file is what was told."""
        with self._lock:
            self._known[name] = (_stamp_of(told), blob)
            while len(self._known) > KNOWN_FILES:
                self._known.popitem(last=False)

    def _find(self, name: str, stamp: _Stamp) -> str:
        with self._lock:
            known = self._known.get(name)
            if known is None or known[0] != stamp:
                return UNKNOWN
            self._known.move_to_end(name)
            return known[1]


def _stamp_of(told: os.stat_result) -> _Stamp:
    return told.st_ino, told.st_size, told.st_mtime_ns


def blob_id_of(content: bytes) -> str:
    """Return the id that git gives to a file of this content (SHA-1 repositories)."""
    head = f"blob {len(content)}\0".encode()
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def bound_files(
    contents: FileContents, folder: str, paths: Iterable[str], scope: ScopeName
) -> dict[str, str]:
    """Return path -> blob id, "" where it is not known.

    A path inside the caller's repository is told from its root, so that every worktree and clone
    reads it the same. A global memory belongs to no repository, and its files are not bound.
    """
    told = [storable(path) for path in paths]
    root = root_of(folder)
    if root is None or scope is ScopeName.GLOBAL:
        return dict.fromkeys(told, UNKNOWN)
    bound: dict[str, str] = {}
    left_bytes = QUESTION_LIMIT_BYTES
    for path in told:
        found = _inside(root, Path(folder), path)
        if found is None:
            bound[path] = UNKNOWN
            continue
        blob, read_bytes = _blob_or_unknown(contents, found, left_bytes)
        left_bytes -= read_bytes
        bound[found.relative_to(root).as_posix()] = blob
    return bound


class Checks:
    """Tells for one question which memories name files that have changed; bounded as a whole."""

    def __init__(self, contents: FileContents, folder: str) -> None:
        self._contents = contents
        self._folder = folder
        self._left_bytes = QUESTION_LIMIT_BYTES
        self._left_files = QUESTION_LIMIT_FILES

    def changed_files(self, memory: Memory) -> list[str]:
        """Return the memory's files that are gone or hold something else now."""
        bound = {path: blob for path, blob in memory.files.items() if blob}
        if not bound or memory.scope is ScopeName.GLOBAL or self._root is None:
            return []
        return [path for path, blob in bound.items() if self._differs(self._root, path, blob)]

    @cached_property
    def _root(self) -> Path | None:
        return root_of(self._folder)

    def _differs(self, root: Path, path: str, blob: str) -> bool:
        self._left_files -= 1
        if self._left_files < 0:
            return False
        name = f"{root}{os.sep}{path}"
        try:
            known = self._contents.find(name)  # following links takes ten times as long
            if known:
                return known != blob
            found = Path(name).resolve(strict=True)
            if not found.is_relative_to(root):
                return True
            told = found.stat()
            now, read_bytes = self._contents.blob_id(found, self._left_bytes)
            self._left_bytes -= read_bytes
            if now == UNKNOWN:  # what was bound was no longer than the limit
                return told.st_size > FILE_LIMIT_BYTES
        except (OSError, ValueError):  # gone, a loop of links, or not to be read
            return True
        self._contents.keep(name, told, now)
        return now != blob


def changes_of(contents: FileContents, folder: str, memory: Memory) -> tuple[FileChange, ...]:
    """Return the files of a memory that have changed, with the commits that did it.

    Each asks git, so this is for a memory that is opened, not for a list.
    """
    root = root_of(folder)
    paths = Checks(contents, folder).changed_files(memory)
    if root is None:
        return ()
    return tuple(
        FileChange(path=path, commit=_commit(root, path, memory.files[path])) for path in paths
    )


def root_of(folder: str) -> Path | None:
    """Return the root of the working tree that a folder lies in, else the folder; None for ""."""
    if not folder:
        return None
    try:
        start = Path(folder).resolve()
        for parent in [start, *start.parents][:_PARENTS_LIMIT]:
            if (parent / ".git").exists():
                return parent
    except (OSError, ValueError):
        return None
    return start


def _inside(root: Path, folder: Path, path: str) -> Path | None:
    """Return the file that a path means, seen from the folder or the root; None if outside."""
    for base in dict.fromkeys((folder, root)):
        try:
            found = (base / path).resolve(strict=True)
        except (OSError, ValueError):
            continue
        if found.is_relative_to(root) and found.is_file():
            return found
    return None


def _blob_or_unknown(contents: FileContents, path: Path, left_bytes: int) -> tuple[str, int]:
    try:
        return contents.blob_id(path, left_bytes)
    except OSError:
        return UNKNOWN, 0


def _commit(root: Path, path: str, blob: str) -> str:
    """Return the short id of the commit that changed a file, "" when it is not committed."""
    if ask_git(root, "rev-parse", f"HEAD:{path}", limit_s=COMMIT_LIMIT_S) == blob:
        return ""
    return ask_git(root, "log", "-1", "--format=%h", "--", path, limit_s=COMMIT_LIMIT_S)
