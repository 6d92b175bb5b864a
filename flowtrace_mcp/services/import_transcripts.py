"""Make traces of the session files that agents leave on the disk.

A file is read from where the last reading left off. What is read twice, or was told by a hook or by
OpenTelemetry too, is there once: ids follow from session, turn and call, and of those who tell the
same the session file gives way.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.ingest.told_spans import TURN
from flowtrace_mcp.ingest.transcripts.shape import Reader, ToldSpan, otlp_request
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.projects import project_of
from flowtrace_mcp.services.transcript_reading import (
    DATABASE,
    LINE_LIMIT_BYTES,
    Stamp,
    began,
    read_lines,
    stamp_of,
    written_us,
)
from flowtrace_mcp.services.transcript_sources import TranscriptSource, find_files
from flowtrace_mcp.storage.transcript_files import ReadFile

BATCH_SPANS: Final = 200
# Of lines, whose spans wait in memory until they are stored.
BATCH_BYTES: Final = 8 * 1024 * 1024
PROBLEMS_SHOWN: Final = 20
READERS_KEPT: Final = 256
CALLS_LOOKED_AT: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptsRequest:
    """What to read."""

    source: TranscriptSource
    path: Path | None = None  # None = where the agent keeps its files
    project: ProjectIdentity | None = None  # None = of the folder that a session names
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
    place: int  # after the last line that was read
    begin: int  # where a new reader could begin


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
        self._noted: dict[Path, ReadFile] = {}
        self._folders: dict[str, str] = {}  # by session
        self._looked_at: dict[int, int] = {}  # span -> trace, where nothing is stored

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
        files.sort(key=lambda pair: (began(pair[0]), pair[0]))
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
            if written_us(path) < self._request.since_us:
                return 0
            known = self._known(path)
            seen = None if known is None else Stamp(known.head, known.size_bytes)
            return 0 if seen == stamp_of(path) else path.stat().st_size
        except OSError:  # it went meanwhile
            return 0

    def _read(self, path: Path, told: ReadTranscripts) -> Iterator[int]:
        """Read a file from where the last reading ended; yield how far it is, in bytes."""
        try:
            stamp = stamp_of(path)
            one = self._begin(path, stamp)
            batch: list[ToldSpan] = []
            size_bytes = 0
            for line, place in read_lines(path, one.place):
                batch += self._spans_of(one, line, path, told)
                if one.reader.can_begin_here:
                    one.begin = one.place
                one.place = place
                size_bytes += len(line)
                if len(batch) >= BATCH_SPANS or size_bytes >= BATCH_BYTES:
                    self._store(batch, told)
                    self._note_read(path, one, stamp)
                    batch, size_bytes = [], 0
                    yield one.place
            self._store([*batch, *one.reader.finish()], told)
        except OSError as error:
            told.problems.append(f"{path.name}: {error.strerror}")
            return
        self._note_read(path, one, stamp, is_whole=True)
        yield one.place

    def _known(self, path: Path) -> ReadFile | None:
        """Return how far a file was read, by this importer or by an earlier one."""
        return self._noted.get(path) or self._context.store.transcripts.find(str(path))

    def _begin(self, path: Path, stamp: Stamp) -> _Open:
        kept = self._kept.pop(path, None)
        known = self._known(path)
        is_same = known is not None and known.head == stamp.head
        if kept is not None and is_same and kept.place <= stamp.size:
            return kept
        begin = known.offset_bytes if known is not None and is_same else 0
        begin = begin if begin <= stamp.size else 0
        return _Open(self._request.source.reader(path), begin, begin)

    def _spans_of(
        self, one: _Open, line: bytes, path: Path, told: ReadTranscripts
    ) -> Iterable[ToldSpan]:
        if not line.strip():
            return ()
        why = "it is longer than 64 MiB"
        if len(line) <= LINE_LIMIT_BYTES:
            try:
                spans = one.reader.read(line)
            except InputError as error:
                why = error.why
            else:
                if one.reader.folder:
                    self._folders.setdefault(one.reader.session, one.reader.folder)
                return spans
        told.refused += 1
        if len(told.problems) < PROBLEMS_SHOWN:
            told.problems.append(f"{path.name}, byte {one.place}: {why}")
        return ()

    def _store(self, spans: Iterable[ToldSpan], told: ReadTranscripts) -> None:
        """Store spans and wait for the disk; copies of calls of another session are left out."""
        since_us = max(self._request.since_us, 1)
        asked = [span for span in spans if span.session and span.start_us >= since_us]
        owners = self._owners(asked)
        kept = [
            span for span in asked if owners.get(_low(span.span_id)) in (None, _low(span.trace_id))
        ]
        told.copied += len(asked) - len(kept)
        told.spans.update(span.kind for span in kept)
        sessions = {span.session for span in kept}
        told.sessions |= sessions
        if kept and not self._request.is_dry_run:
            self._pipeline.traces(otlp_request(kept), PayloadEncoding.JSON)
            for session in sessions:
                self._bind(session)

    def _owners(self, spans: Iterable[ToldSpan]) -> Mapping[int, int]:
        """Return span -> trace of calls: a call is of the trace that was told of it first."""
        calls: dict[int, int] = {}
        for span in spans:
            if span.kind != TURN:
                calls.setdefault(_low(span.span_id), _low(span.trace_id))
        if not self._request.is_dry_run:
            return self._context.store.transcripts.own_calls(calls)
        owners = calls | self._context.store.transcripts.find_owners(calls)
        if len(self._looked_at) < CALLS_LOOKED_AT:
            for call, trace in owners.items():
                self._looked_at.setdefault(call, trace)
        return {call: self._looked_at.get(call, trace) for call, trace in owners.items()}

    def _bind(self, session: str) -> None:
        """Bind a session to the project that was asked for, else to that of its folder.

        A folder's counts only where nobody has bound the session yet.
        """
        project, folder = self._request.project, self._folders.get(session)
        if session in self._bound or not (project or folder):
            return
        spans = self._context.store.spans
        if project or not spans.find_session_project(session):
            project = project or project_of(Path(folder or ""), self._context.settings.project)
            number = self._context.store.project_id(project.identity, project.name)
            spans.bind_session(session, number)
        self._bound.add(session)

    def _note_read(self, path: Path, one: _Open, stamp: Stamp, *, is_whole: bool = False) -> None:
        """Note how far a file is read, as what is stored of it allows."""
        # Of a file under way there is more to read, whatever its size says.
        size = one.place if path.suffix != DATABASE else stamp.size * is_whole
        read = ReadFile(head=stamp.head, size_bytes=size, offset_bytes=one.begin)
        if self._request.is_dry_run or self._request.since_us:
            self._noted[path] = read  # what was left out may be wanted another time
        else:
            self._context.store.transcripts.set(str(path), read)
        if is_whole:
            self._kept[path] = one
        while len(self._kept) > READERS_KEPT:
            self._kept.popitem(last=False)


def _low(identity: bytes) -> int:
    """Return the lower half of an id as a signed number."""
    return int.from_bytes(identity[-8:], "big", signed=True)
