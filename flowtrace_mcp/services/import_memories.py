"""Let memories arrive: exports of ours under their own ids, and what other programs wrote.

What arrives is redacted, stored in batches, and known again by its id: a run that was broken off
is taken up by running it again, and a second run changes nothing.
"""

import functools
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.model.found_memory import FoundMemory, SourceKind
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import (
    CONTENT_LIMIT_CHARACTERS,
    MemoryKind,
    MemoryPlace,
    NewMemory,
    ScopeName,
)
from flowtrace_mcp.model.memory_lines import Arrival, DatedRow, LinkLine, MemoryLine, ProjectLine
from flowtrace_mcp.model.project import ProjectIdentity, identify_project
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.model.times import EARLIEST_US, LATEST_US
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.documents import document_of
from flowtrace_mcp.services.export_memories import without_secrets
from flowtrace_mcp.services.import_sources import (
    Item,
    Problem,
    detect_source,
    read_source,
    size_of_source,
)
from flowtrace_mcp.services.projects import project_of
from flowtrace_mcp.storage.memory_records import ArrivingMemory

# 40 ms of the write lock: others get in between.
BATCH_MEMORIES: Final = 100
BATCH_CHARACTERS: Final = 4_000_000
PROBLEMS_SHOWN: Final = 100
METADATA_LIMIT_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to take in, and where it belongs.

    Attributes:
        path: A file or a folder.
        source: What sort; ``AUTO`` = told by what is in it.
        project: Of all that arrives; None = its own, else the caller's.
        scope: Of what other programs wrote: repo or global.
        since_us: What other programs wrote earlier is left out.
        is_dry_run: Say what would be done and do nothing.
    """

    path: Path
    source: SourceKind = SourceKind.AUTO
    project: ProjectIdentity | None = None
    scope: ScopeName = ScopeName.REPO
    since_us: int = 0
    is_dry_run: bool = False


@dataclass(slots=True, kw_only=True)
class Imported:
    """What became of what was read."""

    source: SourceKind
    arrivals: Counter[Arrival] = field(default_factory=Counter)
    links: int = 0
    loose_links: int = 0  # one of their memories is not here
    redactions: int = 0
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)  # the first of them

    def refuse(self, problem: Problem) -> None:
        """Count a piece that was not taken."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_SHOWN:
            self.problems.append(problem)


def import_memories(
    context: Context,
    request: ImportRequest,
    caller: Caller,
    note: Callable[[float], None] = lambda _: None,
) -> Imported:
    """Take in what a path holds and return what became of it.

    Args:
        context: The means of the program.
        request: What to take in.
        caller: Whose project it belongs to when nothing else says.
        note: Called with the share that is done, 0 to 1, batch by batch.

    Raises:
        InputError: It cannot be told what the path holds.
    """
    source = request.source
    if source is SourceKind.AUTO:
        source = detect_source(request.path)
    elif not request.path.exists():
        raise InputError(
            f"cannot read {request.path.name!r}", why="it is not there", mend="check the path"
        )
    arriving = _Arriving(context, request, caller, Imported(source=source))
    size_bytes = size_of_source(request.path, source)
    done_bytes = 0
    for item, read_bytes in read_source(request.path, source):
        done_bytes += read_bytes
        if item is not None and arriving.take(item):
            note(min(done_bytes / size_bytes, 1.0))
    arriving.store()
    note(1.0)
    return arriving.told


class _Arriving:
    """What was read and is not stored yet, a batch of it at most."""

    def __init__(
        self, context: Context, request: ImportRequest, caller: Caller, told: Imported
    ) -> None:
        self.told = told
        self._context = context
        self._request = request
        self._caller = caller
        self._now_us = context.now_us()
        self._memories: list[ArrivingMemory] = []
        self._links: list[LinkLine] = []
        self._known: dict[str, ProjectLine] = {}
        self._characters = 0
        self._number = 0
        self._project_of = functools.lru_cache(maxsize=1024)(_project_of_folder)

    def take(self, item: Item) -> bool:
        """Take one piece; say whether a batch was stored."""
        self._number += 1
        match item:
            case Problem():
                self.told.refuse(item)
            case ProjectLine():
                self._known[storable(item.identity)] = msgspec.structs.replace(
                    item, name=storable(item.name)
                )
            case LinkLine():
                if self._memories:
                    self.store()
                self._links.append(item)
            case FoundMemory() if 0 < (item.when_us or 0) < self._request.since_us:
                pass
            case MemoryLine() | FoundMemory():
                self._take_memory(item)
        is_full = (
            max(len(self._memories), len(self._links)) >= BATCH_MEMORIES
            or self._characters >= BATCH_CHARACTERS
        )
        if is_full:
            self.store()
        return is_full

    def store(self) -> None:
        """Store what was taken, in one transaction."""
        records = self._context.store.records
        if self._request.is_dry_run:
            arrivals = records.judge_arrivals(self._memories)
            self.told.links += len(self._links)
        else:
            arrivals = records.insert_arrivals(self._memories, self._known, self._now_us)
            linked = records.insert_links(self._links) if self._links else Counter()
            self.told.links += linked[True]
            self.told.loose_links += linked[False]
        for one, arrival in zip(self._memories, arrivals, strict=True):
            self.told.arrivals[arrival] += 1
            if arrival is Arrival.DIFFERS:
                handle = memory_handle(bytes.fromhex(one.line.id))
                why = "another memory of that id is here, with another text"
                self.told.refuse(Problem(place=f"memory {handle}", why=why))
        self._memories, self._links, self._characters = [], [], 0

    def _take_memory(self, item: MemoryLine | FoundMemory) -> None:
        redactor = Redactor(own=self._context.settings.redact)
        is_foreign = isinstance(item, FoundMemory)
        try:
            project = self._project(item)
            line = item if isinstance(item, MemoryLine) else self._line_of(item, project)
            line = without_secrets(line, redactor)
            if isinstance(item, FoundMemory):
                line = msgspec.structs.replace(line, id=_id_of(item, line).hex())
            _check(line)
        except FlowtraceError as error:
            place = f"piece {self._number}" if is_foreign else f"memory {item.id[:32]}"  # type: ignore[union-attr]  # only ours have ids
            self.told.refuse(Problem(place=place, why=error.why or error.what))
            return
        if self._request.project is not None and line.scope is not ScopeName.GLOBAL:
            line = msgspec.structs.replace(line, project=project.identity)
        self.told.redactions += redactor.count
        self._characters += len(line.content)
        self._memories.append(
            ArrivingMemory(
                line=line,
                project_name=project.name,
                document=document_of(_memory_of(line)),
                is_foreign=is_foreign,
            )
        )

    def _project(self, item: MemoryLine | FoundMemory) -> ProjectIdentity:
        """Return whose an item is: as told, else its own, else the caller's."""
        if self._request.project is not None:
            return self._request.project
        if isinstance(item, MemoryLine):
            identity = storable(item.project)
            told = self._known.get(identity)
            name = told.name if told else identity.rpartition("/")[2].rpartition(":")[2]
            return ProjectIdentity(identity=identity, name=name or identity)
        return self._project_of(item.folder) if item.folder else self._caller.project

    def _line_of(self, found: FoundMemory, project: ProjectIdentity) -> MemoryLine:
        """Return a memory that has no id yet: that is told by what is left of its text."""
        scope = self._request.scope
        when_us = found.when_us or self._now_us
        identity = "" if scope is ScopeName.GLOBAL else project.identity
        return MemoryLine(
            id="",
            project=identity,
            kind=found.kind,
            scope=scope,
            content=found.content,
            session=found.session,
            sequence=self._number,
            author=found.author,
            agent=f"import:{self.told.source.value}",
            recorded_us=when_us,
            retracted_us=found.retired_us,
            retraction="deleted before the import" if found.retired_us else "",
            valid_from_us=when_us,
            last_seen_us=when_us,
            tags=_rows(found.tags, when_us),
            aliases=_rows(found.aliases, when_us),
            metadata=dict(found.metadata),
        )


def _id_of(found: FoundMemory, line: MemoryLine) -> bytes:
    """Return the id of a foreign memory: the same whenever it is read again."""
    key = (found.key, "") if found.key else (line.content, str(found.when_us))
    told = (line.project, line.session, *key)
    digest = hashlib.blake2b(digest_size=16, person=b"flowtrace-import")
    for part in told:
        digest.update(f"{len(part)}:{part}".encode())
    return digest.digest()


def _rows(values: tuple[str, ...], when_us: int) -> tuple[DatedRow, ...]:
    return tuple((value, "", when_us, None) for value in dict.fromkeys(values))


def _project_of_folder(folder: str) -> ProjectIdentity:
    """Return the project of a folder that another program names, which may be gone by now."""
    path = Path(folder)
    if path.is_dir():
        return project_of(path)
    return identify_project(named="", remote="", common_dir="", folder=folder, branch="")


def _check(line: MemoryLine) -> None:
    if not line.content.strip():
        raise InputError("cannot take the memory", why="it is empty")
    if len(line.content) > CONTENT_LIMIT_CHARACTERS:
        raise InputError(
            "cannot take the memory",
            why=f"it has {len(line.content)} characters, at most {CONTENT_LIMIT_CHARACTERS} fit",
        )
    if (line.scope is ScopeName.GLOBAL) != (not line.project):
        raise InputError(
            "cannot take the memory", why="it is global and of a project, or neither of both"
        )
    moments = (line.recorded_us, line.retracted_us, line.valid_from_us, line.valid_to_us)
    lapses = (moment for begin, end, _ in line.lapses for moment in (begin, end))
    for moment in (*moments, line.last_seen_us, *lapses):
        if moment is not None and not EARLIEST_US <= moment < LATEST_US:
            raise InputError(
                "cannot take the memory", why=f"{moment} is no time in the years 2000 to 2199"
            )
    if len(msgspec.json.encode(line.metadata)) > METADATA_LIMIT_BYTES:
        raise InputError(
            "cannot take the memory", why=f"its metadata has over {METADATA_LIMIT_BYTES} bytes"
        )


def _memory_of(line: MemoryLine) -> NewMemory:
    """Return what is indexed of a memory."""

    def held(rows: tuple[DatedRow, ...]) -> tuple[str, ...]:
        return tuple(value for value, _, _, to_us in rows if to_us is None)

    return NewMemory(
        content=line.content,
        kind=MemoryKind(line.kind),
        scope=line.scope,
        place=MemoryPlace(project_id=0),
        author=line.author,
        recorded_us=line.recorded_us,
        valid_from_us=line.valid_from_us,
        aliases=held(line.aliases),
        files=dict.fromkeys(held(line.files), ""),
    )
