"""Erase what is stored of a session, a project, a user or a time, and prove that it is gone."""

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from flowtrace_mcp.errors import FlowtraceError, InputError, NotFoundError, StorageError
from flowtrace_mcp.model.edge import unpack_edge
from flowtrace_mcp.services.backups import (
    delete_backup,
    list_backups,
    making_folder,
    unpacked,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.hook_spool import HookSpool
from flowtrace_mcp.services.keys import note_action
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.recount import recount_stale
from flowtrace_mcp.services.repair_database import ASIDE_PREFIX
from flowtrace_mcp.services.spool_state import SPOOL_FILE, TAKING_FILE
from flowtrace_mcp.settings import LOG_FILE
from flowtrace_mcp.storage.erasure_store import ALL_US, Subject
from flowtrace_mcp.storage.needle_search import search_copy, search_file
from flowtrace_mcp.storage.span_text import session_word

BATCH_SPANS: Final = 128
BATCH_RECORDS: Final = 256
BATCH_MEMORIES: Final = 500
SAMPLES: Final = 16
_SAMPLE_CHARACTERS: Final = 200
_SAMPLE_BYTES: Final = 60  # its ids stand at the beginning of a span
_ROUNDS_MOST: Final = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Where something was looked for, and where it is."""

    hits: dict[str, int]
    backups: dict[str, int]  # backup -> hits in it
    unread: tuple[str, ...]  # backups that are encrypted, or cannot be read
    is_log_empty: bool = True

    @property
    def total(self) -> int:
        """Return all hits."""
        return sum(self.hits.values()) + sum(self.backups.values())

    def body(self) -> dict[str, object]:
        """Return the answer of REST and of the command."""
        return {
            "hits": self.total,
            "places": self.hits,
            "backups": self.backups,
            "backups_not_read": list(self.unread),
        }


@dataclass(slots=True, kw_only=True)
class Receipt:
    """What was erased, and what a search for it found afterwards."""

    subject: str
    erased_us: int
    spans: int = 0
    records: int = 0
    memories: int = 0
    deleted_backups: list[str] = field(default_factory=list)
    is_log_empty: bool = False
    verified: Verified | None = None

    def body(self) -> dict[str, object]:
        """Return the answer of REST and of the command."""
        return {
            "subject": self.subject,
            "erased_at_us": self.erased_us,
            "spans": self.spans,
            "records": self.records,
            "memories": self.memories,
            "deleted_backups": self.deleted_backups,
            "log": "emptied" if self.is_log_empty else "pending",
            "verified": self.verified.body() if self.verified else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EraseRequest:
    """What to erase: a session, a project or a user, and the time if only a part of it."""

    session: str = ""
    project: str = ""
    user: str = ""
    since_us: int | None = None
    until_us: int | None = None
    with_backups: bool = False  # backups that still hold it are deleted
    is_verified: bool = True


def subject_of(context: Context, request: EraseRequest) -> Subject:
    """Return whose data a request names.

    Raises:
        InputError: It names nothing, or several at once.
        NotFoundError: There is no such project.
    """
    named = [one for one in (request.session, request.project, request.user) if one.strip()]
    has_time = request.since_us is not None or request.until_us is not None
    if len(named) > 1 or not (named or has_time):
        raise InputError(
            "cannot tell what to erase",
            why="give a session, a project or a user, or a time",
            mend="name one of them",
        )
    project_id = None
    if request.project:
        project = named_project(context, request.project)
        known = {one.identity: one for one in context.store.list_projects()}
        if project.identity not in known:
            raise NotFoundError(
                f"there is no project {request.project[:80]!r}",
                why="no memory or session of it is stored",
                mend="see `flowtrace project list`",
            )
        project_id = known[project.identity].merged_into or known[project.identity].project_id
    since_us = ALL_US[0] if request.since_us is None else request.since_us
    until_us = ALL_US[1] if request.until_us is None else request.until_us
    return Subject(
        project_id=project_id,
        session=request.session,
        user=request.user,
        window_us=(since_us, until_us),
    )


def erase(
    context: Context, request: EraseRequest, note: Callable[[str, int], None] = lambda *_: None
) -> Receipt:
    """Erase and look for what was erased.

    The events that hooks have left in their file are taken up first, so that none of them brings
    back what was erased.

    Raises:
        InputError: It cannot be told what.
    """
    subject, store = subject_of(context, request), context.store.erasure
    HookSpool(context).run_once()
    session_ids = store.list_sessions(subject)
    needles = _samples(context, subject, session_ids) if request.is_verified else []
    names = store.list_names(session_ids)
    receipt = Receipt(subject=_said(request), erased_us=context.now_us())

    def all_of(what: str, delete: Callable[[], int]) -> int:
        total = 0
        for _ in range(_ROUNDS_MOST):
            count = delete()
            if not count:
                break
            total += count
            note(what, total)
        return total

    receipt.spans = all_of("spans", lambda: store.delete_spans(subject, session_ids, BATCH_SPANS))
    context.store.span_texts.purge()
    receipt.records = all_of(
        "records", lambda: store.delete_records(subject, session_ids, BATCH_RECORDS)
    )
    receipt.memories = all_of("memories", lambda: store.delete_memories(subject, BATCH_MEMORIES))
    recount_stale(
        context
    )  # the sums of use, or they would tell of it until the background work comes
    store.forget_names(subject, session_ids, names)
    # Whose it was would stay in the record otherwise.
    note_action(context, "delete", f"erased all of {_kind(request)}")
    receipt.is_log_empty = store.empty_log()
    if request.is_verified and needles:
        receipt.verified = search_everywhere(context, needles)
        if request.with_backups:
            for name in receipt.verified.backups:
                receipt.deleted_backups.append(delete_backup(context, name).backup_id)
    return receipt


def verify_words(context: Context, words: Sequence[str]) -> Verified:
    """Look for words in everything that we keep: file, log, spool, our own log file, backups.

    Raises:
        InputError: There are none.
    """
    needles = [word.strip().encode() for word in words if word.strip()]
    if not needles:
        raise InputError("nothing to look for", why="no word was given", mend="give one or more")
    return search_everywhere(context, needles)


def search_everywhere(context: Context, needles: Sequence[bytes]) -> Verified:
    """Return where any of some bytes is, in rows, packed bytes, index terms and free pages."""
    hits: Counter[str] = Counter()
    with making_folder(context) as folder:
        copy = folder / "copy"
        context.store.copies.copy_raw(copy)
        hits.update(search_copy(copy, needles))
    log_path = context.settings.db_path.with_name(context.settings.db_path.name + "-wal")
    beside = [(log_path, "write-ahead log")]
    names = (SPOOL_FILE, TAKING_FILE, LOG_FILE, f"{LOG_FILE}.1", f"{LOG_FILE}.2")
    beside += [(context.settings.home / name, name) for name in names]
    for path, place in beside:
        if path.is_file():
            hits.update(search_file(path, needles, place))
    hits.update(_search_kept_aside(context, needles))
    backups, unread = _search_backups(context, needles)
    return Verified(hits=dict(hits), backups=backups, unread=tuple(unread))


def _search_kept_aside(context: Context, needles: Sequence[bytes]) -> Counter[str]:
    """Look into what repairs and upgrades have kept of the file as it was."""
    home, name = context.settings.db_path.parent, context.settings.db_path.name
    hits: Counter[str] = Counter()
    for path in sorted([*home.glob(f"{ASIDE_PREFIX}*/*"), *home.glob(f"{name}.schema-*")]):
        place = path.relative_to(home).as_posix()
        with making_folder(context) as folder:
            shutil.copy2(path, folder / "copy")
            try:
                count = sum(search_copy(folder / "copy", needles).values())
            except StorageError:  # as damaged as it was, or a log: only its bytes can be looked at
                count = sum(search_file(path, needles, place).values())
        if count:
            hits[place] = count
    return hits


def _search_backups(context: Context, needles: Sequence[bytes]) -> tuple[dict[str, int], list[str]]:
    found, unread = {}, []
    for backup in list_backups(context):
        if backup.manifest.encryption is not None:
            unread.append(backup.backup_id)
            continue
        try:
            with unpacked(context, backup) as copy:
                hits = sum(search_copy(copy, needles).values())
        except FlowtraceError:
            unread.append(backup.backup_id)
            continue
        if hits:
            found[backup.backup_id] = hits
    return found, unread


def _samples(context: Context, subject: Subject, session_ids: Sequence[int]) -> list[bytes]:
    """Return bytes that only what is to be erased has, to look for them afterwards."""
    store = context.store
    keys = store.erasure.list_memory_keys(subject, SAMPLES)
    texts = store.erasure.sample_texts(keys, SAMPLES)
    needles = [text[:_SAMPLE_CHARACTERS].encode() for text in texts if len(text) >= SAMPLES]
    needles += store.erasure.sample_vectors(keys, SAMPLES)
    spans = store.erasure.list_spans(subject, session_ids, SAMPLES)
    needles += [record[:40] for _, record in spans]  # ids of the span and its parent, its start
    whole = store.spans.get_spans([(key, unpack_edge(record)) for key, record in spans])
    needles += [one.payload.raw[:_SAMPLE_BYTES] for one in whole if one.payload]
    needles = [needle for needle in needles if len(needle) >= SAMPLES]
    if subject.window_us == ALL_US:
        # Each document of the text index holds the word of its session.
        needles += [session_word(one).encode() for one in session_ids[:SAMPLES]]
        needles += [name.encode() for name in (subject.session, subject.user) if len(name) >= 8]
    return needles


def _kind(request: EraseRequest) -> str:
    named = {"a session": request.session, "a project": request.project, "a user": request.user}
    return next((what for what, name in named.items() if name), "a time")


def _said(request: EraseRequest) -> str:
    named = {"session": request.session, "project": request.project, "user": request.user}
    told = [f"{what} {name}" for what, name in named.items() if name]
    if request.since_us is not None or request.until_us is not None:
        told.append(f"time {request.since_us or 0} to {request.until_us or 'now'}")
    return ", ".join(told)
