"""A backup's content back into the file that is in use: instead of what is there, or beside it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Final, TypeAlias

from msgspec.structs import replace as replace_fields

from flowtrace_mcp.errors import BusyError, InputError
from flowtrace_mcp.ingest.otlp_encoding import logs_request, metrics_request, trace_request
from flowtrace_mcp.ingest.pipeline import Outcome, Pipeline
from flowtrace_mcp.model.forwarding import Signal
from flowtrace_mcp.model.memory_lines import Arrival
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.backups import (
    DATABASE_FILE,
    adopt_copy,
    backups_folder,
    find_backup,
    free_id,
    refuse_full,
    storage_paths,
    unpacked,
)
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.export_files import write_lines
from flowtrace_mcp.services.export_memories import export_lines, open_export
from flowtrace_mcp.services.import_memories import ImportRequest, import_memories
from flowtrace_mcp.storage.audit import AuditEntry
from flowtrace_mcp.storage.file_copy import Note
from flowtrace_mcp.storage.store import Store

PRE_RESTORE_PREFIX: Final = "pre_restore_"
_BINDINGS_A_TIME: Final = 500
_Part: TypeAlias = tuple[int, bytes, Callable[[bytes, PayloadEncoding], Outcome]]
_NOBODY: Final = Caller(project=ProjectIdentity(identity="name:restore", name="restore"))


class RestoreMode(StrEnum):
    """What becomes of what is there."""

    REPLACE = "replace"
    MERGE = "merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """Which backup, and how."""

    backup_id: str
    mode: RestoreMode = RestoreMode.REPLACE
    passphrase: str = ""


@dataclass(slots=True, kw_only=True)
class Restored:
    """What a restore did; with ``merge``, what was new of the backup."""

    backup_id: str
    pre_restore_backup: str
    mode: RestoreMode
    added: dict[str, int] = field(default_factory=dict)
    differing: int = 0  # memories of which another version is here; that one stays

    def body(self) -> dict[str, object]:
        """Return the answer of REST and of the command."""
        merged = {"added": self.added, "differing": self.differing}
        return {
            "success": True,
            "backup_id": self.backup_id,
            "pre_restore_backup": self.pre_restore_backup,
            "mode": self.mode.value,
            "requires_restart": False,
            **(merged if self.mode is RestoreMode.MERGE else {}),
        }


def parse_mode(text: str) -> RestoreMode:
    """Return the mode of a word.

    Raises:
        InputError: It is none.
    """
    try:
        return RestoreMode(text)
    except ValueError:
        raise InputError(
            f"there is no mode {text[:40]!r}",
            why="a backup is restored by replace or merge",
            mend="give one of these",
        ) from None


def restore_backup(
    context: Context, request: RestoreRequest, note: Note = lambda _: None
) -> Restored:
    """Restore a backup while agents work; what is there is kept as a backup of its own first.

    Replacing is one transaction: until it commits everybody sees the former content. What others
    wait to write at that moment is refused as busy, and is in neither.

    Raises:
        NotFoundError: There is none of that name.
        DamagedError: It is not what was written, or its tables are not ours.
        NewerFileError: A newer Flowtrace made it.
        AccessError: It is encrypted, with another passphrase.
    """
    backup = find_backup(context, request.backup_id)
    copies = context.store.copies
    with unpacked(context, backup, request.passphrase) as copy:
        copies.prepare(copy, context.now_us())
        # The copy kept, and the log that holds the new content until it is copied back.
        refuse_full(context, context.store.facts().file_bytes + 2 * copy.stat().st_size)
        folder = backups_folder(context) / free_id(context, PRE_RESTORE_PREFIX)

        def keep() -> None:
            with storage_paths():
                folder.mkdir(mode=0o700)
            copies.copy_raw(folder / DATABASE_FILE, is_paced=False)

        if request.mode is RestoreMode.REPLACE:
            copies.replace_with(copy, keep, note)
        else:
            keep()
        done = Restored(
            backup_id=backup.backup_id,
            pre_restore_backup=adopt_copy(context, folder).backup_id,
            mode=request.mode,
        )
        if request.mode is RestoreMode.MERGE:
            _merge(context, copy, done, note)
        _note_restored(context, backup.backup_id, request.mode)
        return done


def _note_restored(context: Context, backup_id: str, mode: RestoreMode) -> None:
    """Keep in the audit record what was done, in the content that is there now.

    The first write of this process is refused, as that of every other: what waited was made for the
    content before.
    """
    entry = AuditEntry(
        at_us=context.now_us(), who="here", action="backup", what=f"restored {backup_id} ({mode})"
    )
    for _ in range(2):
        with suppress(BusyError):
            context.store.access.insert_entries([entry])
            return


def _merge(context: Context, copy: Path, done: Restored, note: Note) -> None:
    """Take in by identity what a copy holds: each part goes the way on which such parts arrive."""
    source = Store(copy, context.now_us)
    try:
        _merge_bindings(context.store, source)
        note(0.05)
        _merge_memories(replace(context, store=source), context, done)
        note(0.3)
        _merge_telemetry(context, source, done, lambda share: note(0.3 + 0.7 * share))
    finally:
        source.close()


def _merge_bindings(target: Store, source: Store) -> None:
    """Bind the sessions that the file does not know to their projects, by identity."""
    after = None
    while page := source.projects.list_bindings(after, _BINDINGS_A_TIME):
        target.projects.bind_unbound(page)
        after = page[-1].session_id


def _merge_memories(source: Context, target: Context, done: Restored) -> None:
    lines = source.store.path.with_name("memories.jsonl")
    write_lines(lines, export_lines(open_export(source, None)))
    told = import_memories(target, ImportRequest(path=lines), _NOBODY)
    done.added["memories"] = told.arrivals[Arrival.NEW]
    done.differing = told.arrivals[Arrival.DIFFERS]


def _merge_telemetry(context: Context, source: Store, done: Restored, note: Note) -> None:
    """Send what the copy holds of spans, log records and points through our own front door."""
    before, facts = context.store.facts(), source.facts()
    pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)
    total = max(facts.span_count + facts.log_count + facts.metric_point_count, 1)
    count = 0
    for size, request, take in chain(
        _spans(context.store, source, pipeline), _records(source, pipeline)
    ):
        if request:
            take(request, PayloadEncoding.PROTOBUF)
        count += size
        note(min(count / total, 1.0))
    after = context.store.facts()
    done.added["spans"] = after.span_count - before.span_count
    done.added["logs"] = after.log_count - before.log_count
    done.added["metric_points"] = after.metric_point_count - before.metric_point_count


def _spans(target: Store, source: Store, pipeline: Pipeline) -> Iterator[_Part]:
    """Yield the spans that the file lacks; of one that both hold, ours may be the newer."""
    after = -1
    while page := source.span_pages.page_after(after):
        missing = target.span_pages.without_known(page)
        request, _ = trace_request(source.span_pages.payloads_of(missing), _as_it_is)
        yield len(page), request, pipeline.traces
        after = page[-1][0]


def _records(source: Store, pipeline: Pipeline) -> Iterator[_Part]:
    """Yield log records and points; what is there already is known by its digest."""
    bookmark = replace_fields(source.forwardings.begin("merge", 0), stage=int(Signal.LOGS))
    while (batch := source.forwardings.next_batch(bookmark)) is not None:
        if batch.signal == Signal.LOGS:
            yield len(batch.records), logs_request(batch.records, _as_it_is), pipeline.logs
        else:
            yield len(batch.records), metrics_request(batch.records, _as_it_is), pipeline.metrics
        bookmark = batch.then


def _as_it_is(_key: str, text: str) -> str:
    """Return a text unchanged: it does not leave the machine."""
    return text
