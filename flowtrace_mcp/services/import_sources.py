"""What a path holds: told by what is in it, and read piece by piece."""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.ingest.importers import memory_service
from flowtrace_mcp.ingest.importers.basic_memory import is_basic_note, parse_basic_note
from flowtrace_mcp.ingest.importers.claude_memory import BEGIN, parse_claude_memory
from flowtrace_mcp.ingest.importers.claude_transcripts import (
    is_transcript_line,
    parse_transcript_line,
)
from flowtrace_mcp.ingest.importers.memory_service import parse_service_row
from flowtrace_mcp.ingest.importers.notes import parse_notes
from flowtrace_mcp.ingest.importers.server_memory import parse_graph_line
from flowtrace_mcp.model.found_memory import FoundMemory, SourceKind
from flowtrace_mcp.model.memory_lines import (
    LINE_LIMIT_BYTES,
    LinkLine,
    MemoryLine,
    ProjectLine,
    decode_line,
)
from flowtrace_mcp.model.memory_pages import is_memory_page, parse_memory_page
from flowtrace_mcp.services.export_memories import FOLDER_FILE
from flowtrace_mcp.storage.foreign_store import FIRST_BYTES, read_foreign_rows

NOTE_LIMIT_BYTES: Final = 16 * 1024 * 1024
FILES_LIMIT: Final = 1_000_000
_HEAD_BYTES: Final = 64 * 1024
_SKIPPED_FOLDERS: Final = frozenset({".git", "node_modules", ".venv", "__pycache__", ".obsidian"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A piece that was not taken, where it stands and why."""

    place: str
    why: str


Item: TypeAlias = MemoryLine | ProjectLine | LinkLine | FoundMemory | Problem
# What was read, and how many bytes of the source lie behind it.
Read: TypeAlias = Iterator[tuple[Item | None, int]]


def detect_source(path: Path) -> SourceKind:
    """Return what sort of file or folder it is, told by what is in it.

    Raises:
        InputError: It is none that is known, or not there.
    """
    if path.is_dir():
        return _detect_folder(path)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise InputError(
            f"cannot read {path.name!r}", why=error.strerror or "", mend="check the path"
        ) from error
    kind = _detect_file(path, head)
    if kind is None:
        raise InputError(
            f"cannot tell what {path.name!r} is",
            why="it is no export, graph, transcript, note or memory store that is known",
            mend="say it with --from",
        )
    return kind


def size_of_source(path: Path, kind: SourceKind) -> int:
    """Return the bytes that will be read, at least 1."""
    return max(sum(file.stat().st_size for file in _files(path, kind)), 1)


def read_source(path: Path, kind: SourceKind) -> Read:
    """Yield what a source holds, in its order; what cannot be read comes as a problem.

    A line or a note is in memory at a time, never the whole.
    """
    match kind:
        case SourceKind.MEMORY_SERVICE:
            yield from _rows(path)
        case SourceKind.FLOWTRACE if path.is_dir():
            yield from _pages(path)
        case SourceKind.FLOWTRACE:
            yield from _lines([path], path, lambda data: [decode_line(data)])
        case SourceKind.SERVER_MEMORY:
            yield from _lines(_files(path, kind), path, parse_graph_line)
        case SourceKind.TRANSCRIPTS:
            yield from _lines(_files(path, kind), path, parse_transcript_line)
        case _:
            yield from _notes(path, kind)


def _detect_folder(path: Path) -> SourceKind:
    if (path / FOLDER_FILE).is_file():
        return SourceKind.FLOWTRACE
    for file in _files(path, SourceKind.TRANSCRIPTS):
        with file.open("rb") as lines:
            if any(map(is_transcript_line, lines.read(_HEAD_BYTES).splitlines())):
                return SourceKind.TRANSCRIPTS
    notes = [_head_text(file) for file in _files(path, SourceKind.NOTES)[:20]]
    if any(map(is_basic_note, notes)):
        return SourceKind.BASIC_MEMORY
    if notes:
        return SourceKind.NOTES
    raise InputError(
        f"nothing to import in {path.name!r}",
        why="the folder holds neither notes nor transcripts nor an export",
        mend="give the file itself",
    )


def _detect_file(path: Path, head: bytes) -> SourceKind | None:
    if head.startswith(FIRST_BYTES):
        return SourceKind.MEMORY_SERVICE
    first = head.lstrip().partition(b"\n")[0]
    if b'"flowtrace-export"' in first:
        return SourceKind.FLOWTRACE
    if any(map(is_transcript_line, head.splitlines())):  # the first may be of another shape
        return SourceKind.TRANSCRIPTS
    if b'"entity"' in first or b'"relation"' in first:
        return SourceKind.SERVER_MEMORY
    if path.suffix.lower() in {".md", ".markdown", ".mdc"}:
        return _kind_of_note(head.decode(errors="replace"))
    return None


def _kind_of_note(text: str) -> SourceKind:
    if BEGIN in text:
        return SourceKind.CLAUDE_MEMORY
    return SourceKind.BASIC_MEMORY if is_basic_note(text) else SourceKind.NOTES


def _head_text(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(_HEAD_BYTES).decode(errors="replace")


def _files(path: Path, kind: SourceKind) -> list[Path]:
    """Return the files of a source in a fixed order."""
    if not path.is_dir():
        return [path]
    transcripts = {SourceKind.TRANSCRIPTS, SourceKind.SERVER_MEMORY}
    suffixes = {".jsonl"} if kind in transcripts else {".md", ".markdown"}
    found = []
    for file in path.rglob("*"):
        below = file.relative_to(path).parts
        is_wanted = file.suffix.lower() in suffixes and not _SKIPPED_FOLDERS & set(below)
        if is_wanted and file.is_file():
            found.append(file)
        if len(found) > FILES_LIMIT:
            raise InputError(
                f"{path.name!r} holds too many files",
                why=f"at most {FILES_LIMIT} are read",
                mend="import its folders one by one",
            )
    return sorted(found)


def _lines(files: Iterable[Path], root: Path, parse: Callable[[bytes], Iterable[object]]) -> Read:
    for file in files:
        name = _name(file, root)
        with file.open("rb") as opened:
            number = 0
            while data := opened.readline(LINE_LIMIT_BYTES):
                number += 1
                place = f"{name}:{number}"
                if len(data) == LINE_LIMIT_BYTES and not data.endswith(b"\n"):
                    size = len(data) + _skip_line(opened.readline)
                    yield Problem(place=place, why=f"over {LINE_LIMIT_BYTES} bytes long"), size
                elif data.strip():
                    yield from _parsed(functools.partial(parse, data), place, len(data))


def _skip_line(readline: Callable[[int], bytes]) -> int:
    skipped = 0
    while part := readline(LINE_LIMIT_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _pages(path: Path) -> Read:
    """Yield projects, then memories, then links: both ends of a link come before it."""
    yield from _lines([path / FOLDER_FILE], path, lambda data: [decode_line(data)])
    files = _files(path, SourceKind.FLOWTRACE)
    for part in (0, 1):
        for file in files:
            name, size = _name(file, path), file.stat().st_size // 2
            read = functools.partial(_page, file)
            for item, bytes_read in _parsed(read, name, size):
                is_link = isinstance(item, LinkLine)
                if isinstance(item, Problem):
                    if part == 0:
                        yield item, bytes_read
                elif is_link == bool(part) or item is None:
                    yield item, bytes_read


def _page(file: Path) -> Iterator[MemoryLine | LinkLine]:
    line, links = parse_memory_page(_text_of(file))
    yield line
    yield from links


def _notes(path: Path, kind: SourceKind) -> Read:
    for file in _files(path, kind):
        name, size = _name(file, path), file.stat().st_size
        read = functools.partial(_note, file, name, kind)
        yield from _parsed(read, name, size)


def _note(file: Path, name: str, kind: SourceKind) -> Iterable[object]:
    text = _text_of(file)
    if is_memory_page(text):
        return _page(file)
    return _NOTE_PARSERS.get(kind, parse_notes)(text, name)


_NOTE_PARSERS: Final = {
    SourceKind.BASIC_MEMORY: parse_basic_note,
    SourceKind.CLAUDE_MEMORY: parse_claude_memory,
}


def _rows(path: Path) -> Read:
    rows = read_foreign_rows(path, memory_service.TABLE, memory_service.COLUMNS)
    for number, row in rows:
        read = functools.partial(_row, row)
        yield from _parsed(read, f"row {number}", len(str(row.get("content"))))


def _row(row: dict[str, object]) -> list[FoundMemory]:
    return [parse_service_row(row)]


def _text_of(file: Path) -> str:
    if file.stat().st_size > NOTE_LIMIT_BYTES:
        raise InputError("the note is too large", why=f"at most {NOTE_LIMIT_BYTES} bytes are read")
    return file.read_bytes().decode()


def _parsed(read: Callable[[], Iterable[object]], place: str, size_bytes: int) -> Read:
    """Yield what a piece holds, then its size; a problem when it cannot be read."""
    try:
        for item in read():
            if isinstance(item, MemoryLine | ProjectLine | LinkLine | FoundMemory):
                yield item, 0
    except FlowtraceError as error:
        yield Problem(place=place, why=error.why or error.what), 0
    except UnicodeDecodeError as error:
        yield Problem(place=place, why=f"byte {error.start} is not UTF-8"), 0
    except OSError as error:
        yield Problem(place=place, why=error.strerror or "it cannot be read"), 0
    yield None, size_bytes


def _name(file: Path, root: Path) -> str:
    return file.name if file == root else file.relative_to(root).as_posix()
