"""The bytes of session files: lines with the place where each ends, and what tells files apart."""

import errno
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.model.times import EARLIEST_US, iso_time
from flowtrace_mcp.storage.cursor_state import read_conversations

LINE_LIMIT_BYTES: Final = 64 * 1024 * 1024
_HEAD_BYTES: Final = 256
_TIME: Final = re.compile(rb'"timestamp":\s*"(\d{4}-[^"]+)"')
_TIME_WITHIN_BYTES: Final = 4096
_WHOLE: Final = ".json"  # one object, not one a line
DATABASE: Final = ".vscdb"  # Cursor's; its lines are rows, and a place is the number of one


class Stamp(NamedTuple):
    """What tells a file from another of its name, and from itself before it was written to."""

    head: int
    size: int  # in bytes; of a database, when it was written last


def stamp_of(path: Path) -> Stamp:
    """Return the stamp of a file.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if path.suffix == DATABASE:
        # Of a SQLite file the rest of the head changes with every commit.
        return Stamp(_number_of(head[:16]), written_us(path))
    return Stamp(_number_of(head), path.stat().st_size)


def written_us(path: Path) -> int:
    """Return when a file was written last, the log of a database included."""
    beside = path.with_name(f"{path.name}-wal") if path.suffix == DATABASE else path
    newest_ns = max(each.stat().st_mtime_ns for each in (path, beside) if each.exists())
    return max(newest_ns // 1000, EARLIEST_US)


def began(path: Path) -> str:
    """Return the first time that a file tells, as text that sorts by time.

    A file that tells none begins when it was written; a database comes before all others.
    """
    if path.suffix == DATABASE:
        return ""
    try:
        with path.open("rb") as file:
            found = _TIME.search(file.read(_TIME_WITHIN_BYTES))
        return found[1].decode("ascii", "replace") if found else iso_time(written_us(path))
    except OSError:
        return ""


def read_lines(path: Path, begin: int) -> Iterator[tuple[bytes, int]]:
    """Yield lines from a place on, each with the place after it.

    A file that is one object comes as one line. Of a line beyond the limit comes as much as shows
    that it is. What has no end yet is left for the next reading, but for a last line that is whole
    without one.

    Raises:
        OSError: It cannot be read.
    """
    if path.suffix == DATABASE:
        try:
            for number, line in read_conversations(path, begin):
                yield line, number
        except FlowtraceError as error:
            raise OSError(errno.EIO, error.why or error.what) from error
        return
    with path.open("rb") as file:
        if path.suffix == _WHOLE:
            whole = file.read(LINE_LIMIT_BYTES + 1)
            yield whole, len(whole)
            return
        place = file.seek(begin)
        for line, size_bytes in _lines(file):
            place += size_bytes
            yield line, place


def _lines(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    while line := file.readline(LINE_LIMIT_BYTES + 1):
        if line.endswith(b"\n"):
            yield line, len(line)
        elif len(line) > LINE_LIMIT_BYTES:
            yield line, len(line) + _skip_line(file)
        elif _is_json(line):
            yield line, len(line)
        else:
            return


def _number_of(head: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(head, digest_size=8).digest(), "big", signed=True)


def _skip_line(file: BinaryIO) -> int:
    """Read to the end of a line and return how many bytes that were."""
    size_bytes = 0
    while rest := file.readline(_HEAD_BYTES * 1024):
        size_bytes += len(rest)
        if rest.endswith(b"\n"):
            break
    return size_bytes


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except UNDECODABLE:
        return False
    return True
