"""Make traces of the session files that agents leave on the disk.

A file is read from where the last reading left off. What is read twice, or was told by a hook or by
OpenTelemetry too, is there once: ids follow from session, turn and call, and of those who tell the
same the session file gives way.
"""

import hashlib
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.ingest.told_spans import TURN
from flowtrace_mcp.ingest.transcripts.shape import Reader, ToldSpan, otlp_request
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.times import EARLIEST_US, iso_time
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.projects import project_of
from flowtrace_mcp.services.transcript_sources import TranscriptSource, find_files
from flowtrace_mcp.storage.transcript_files import ReadFile

BATCH_SPANS: Final = 200
LINE_LIMIT_BYTES: Final = 64 * 1024 * 1024
PROBLEMS_SHOWN: Final = 20
READERS_KEPT: Final = 256
CALLS_LOOKED_AT: Final = 100_000
_HEAD_BYTES: Final = 256
_TIME: Final = re.compile(rb'"timestamp":\s*"(\d{4}-[^"]+)"')
_TIME_WITHIN_BYTES: Final = 4096
_WHOLE: Final = ".json"  # one object, not one a line


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptsRequest:
    """What to read."""

    source: TranscriptSource
    path: Path | None = None  # None = where the agent keeps its files
    since_us: int = 0  # what began earlier is left out
    is_dry_run: bool = False


@dataclass(slots=True, kw_only=True)
class ReadTranscripts:
    """What became of what was read."""

    files: int = 0  # that held something new
    sessions: set[str] = field(default_factory=set)
    spans: Counter[str] = field(default_factory=Counter)  # by kind: turn, model, tool
    copied: int = 0  # calls that stand in another session already
    refused: int = 0  # lines
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Open:
    """A file under way: its reader, and how far that has read."""

    reader: Reader
    offset_bytes: int
    begin_bytes: int  # where a new reader could begin


class TranscriptImporter:
    """Reads the files of one request, once or again and again.

    Args:
        context: The means of the program.
        request: What to read.
        environ: Environment variables, for where agents keep their files.
    """

    def __init__(
        self, context: Context, request: TranscriptsRequest, environ: Mapping[str, str]
    ) -> None:
        self._context = context
        self._request = request
        self._environ = environ
        self._pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)
        self._kept: OrderedDict[Path, _Open] = OrderedDict()
        self._bound: set[str] = set()
        self._looked_at: dict[bytes, bytes] = {}  # span id -> trace id, where nothing is stored

    def run_once(self, note: Callable[[float], None] = lambda _: None) -> ReadTranscripts:
        """Read what is new.

        Args:
            note: Is told which share is done, 0 to 1.

        Raises:
            InputError: There is no such place.
            FlowtraceError: The database does not take it now; run again.
        """
        told = ReadTranscripts()
        files = [
            (path, size)
            for path in find_files(self._request.source, self._request.path, self._environ)
            if (size := self._new_size(path))
        ]
        # A session that was forked off another begins later, and holds copies of its calls.
        files.sort(key=lambda pair: (_began(pair[0]), pair[0]))
        total = max(sum(size for _, size in files), 1)
        done = 0
        for path, size in files:
            before = sum(told.spans.values()) + told.refused
            for read_bytes in self._read(path, told):
                note(min((done + read_bytes) / total, 1.0))
            done += size
            told.files += sum(told.spans.values()) + told.refused > before
        note(1.0)
        return told

    def _new_size(self, path: Path) -> int:
        """Return the size of a file with something new in it, 0 for another."""
        try:
            stat = path.stat()
        except OSError:  # it went meanwhile
            return 0
        if stat.st_mtime_ns // 1000 < self._request.since_us:
            return 0
        known = self._context.store.transcripts.find(str(path))
        seen = None if known is None else (known.size_bytes, known.head)
        return 0 if seen == (stat.st_size, _head_of(path)) else stat.st_size

    def _read(self, path: Path, told: ReadTranscripts) -> Iterator[int]:
        """Read a file from where the last reading ended; yield how far it is, in bytes."""
        try:
            with path.open("rb") as file:
                one = self._begin(path, file)
                batch: list[ToldSpan] = []
                for line, size_bytes in _lines(file, is_whole=path.suffix == _WHOLE):
                    batch += self._spans_of(one, line, path, told)
                    if one.reader.can_begin_here:
                        one.begin_bytes = one.offset_bytes
                    one.offset_bytes += size_bytes
                    if len(batch) >= BATCH_SPANS:
                        self._store(batch, told)
                        batch = []
                        yield one.offset_bytes
                self._store([*batch, *one.reader.finish()], told)
        except OSError as error:
            told.problems.append(f"{path.name}: {error.strerror}")
            return
        if one.reader.session:
            told.sessions.add(one.reader.session)
            self._bind(one.reader)
        self._note_read(path, one)
        yield one.offset_bytes

    def _begin(self, path: Path, file: BinaryIO) -> _Open:
        kept = self._kept.pop(path, None)
        known = self._context.store.transcripts.find(str(path))
        size_bytes = file.seek(0, 2)
        is_same = known is not None and known.head == _head_of(path)
        if kept is not None and is_same and size_bytes >= kept.offset_bytes:
            one = kept
        else:
            can_resume = self._request.source.can_resume and is_same
            begin = known.offset_bytes if known is not None and can_resume else 0
            begin = begin if begin <= size_bytes else 0
            one = _Open(self._request.source.reader(path), begin, begin)
        file.seek(one.offset_bytes)
        return one

    def _spans_of(
        self, one: _Open, line: bytes, path: Path, told: ReadTranscripts
    ) -> Iterable[ToldSpan]:
        if not line.strip():
            return ()
        why = "it is longer than 64 MiB"
        if len(line) <= LINE_LIMIT_BYTES:
            try:
                return one.reader.read(line)
            except InputError as error:
                why = error.why
        told.refused += 1
        if len(told.problems) < PROBLEMS_SHOWN:
            told.problems.append(f"{path.name}, byte {one.offset_bytes}: {why}")
        return ()

    def _store(self, spans: Iterable[ToldSpan], told: ReadTranscripts) -> None:
        """Store spans and wait for the disk; copies of calls of another session are left out."""
        kept = []
        for span in spans:
            if not span.session or span.start_us < max(self._request.since_us, 1):
                continue
            if span.kind != TURN and self._stands_elsewhere(span):
                told.copied += 1
                continue
            kept.append(span)
            told.spans[span.kind] += 1
        if kept and not self._request.is_dry_run:
            self._pipeline.traces(otlp_request(kept), PayloadEncoding.JSON)

    def _stands_elsewhere(self, span: ToldSpan) -> bool:
        if self._request.is_dry_run:
            if len(self._looked_at) < CALLS_LOOKED_AT:
                self._looked_at.setdefault(span.span_id, span.trace_id)
            return self._looked_at.get(span.span_id, span.trace_id) != span.trace_id
        number = int.from_bytes(span.span_id, "big", signed=True)
        places = self._context.store.spans.list_span_places((number, number), 1)
        return any(trace_id != span.trace_id for trace_id, _ in places)

    def _bind(self, reader: Reader) -> None:
        """Bind a session to the project of its folder, where nobody has yet."""
        spans = self._context.store.spans
        if self._request.is_dry_run or not reader.folder or reader.session in self._bound:
            return
        if not spans.find_session_project(reader.session):
            project = project_of(Path(reader.folder), self._context.settings.project)
            number = self._context.store.project_id(project.identity, project.name)
            spans.bind_session(reader.session, number)
        self._bound.add(reader.session)

    def _note_read(self, path: Path, one: _Open) -> None:
        if self._request.is_dry_run:
            return
        read = ReadFile(
            head=_head_of(path), size_bytes=one.offset_bytes, offset_bytes=one.begin_bytes
        )
        self._context.store.transcripts.set(str(path), read)
        self._kept[path] = one
        while len(self._kept) > READERS_KEPT:
            self._kept.popitem(last=False)


def _began(path: Path) -> str:
    """Return the first time that a file tells, as text that sorts by time; else when it was written."""
    try:
        with path.open("rb") as file:
            found = _TIME.search(file.read(_TIME_WITHIN_BYTES))
        return found[1].decode("ascii", "replace") if found else iso_time(_written_us(path))
    except OSError:
        return ""


def _written_us(path: Path) -> int:
    return max(path.stat().st_mtime_ns // 1000, EARLIEST_US)


def _head_of(path: Path) -> int:
    """Return a number of how a file begins, by which it is told from another of its name."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return 0
    return int.from_bytes(hashlib.blake2b(head, digest_size=8).digest(), "big", signed=True)


def _lines(file: BinaryIO, *, is_whole: bool) -> Iterator[tuple[bytes, int]]:
    """Yield lines with their sizes in bytes, a file that is one object as one line.

    Of a line beyond the limit comes as much as shows that it is. What has no end yet is left for the
    next reading, but for a last line that is whole without one.
    """
    if is_whole:
        whole = file.read(LINE_LIMIT_BYTES + 1)
        yield whole, len(whole)
        return
    while line := file.readline(LINE_LIMIT_BYTES + 1):
        if line.endswith(b"\n"):
            yield line, len(line)
        elif len(line) > LINE_LIMIT_BYTES:
            yield line, len(line) + _skip_line(file)
        elif _is_json(line):
            yield line, len(line)
        else:
            return


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
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
