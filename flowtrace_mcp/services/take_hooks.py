"""Take what the hooks of coding agents tell: keep it, make spans of it, learn the project."""

import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowtrace_mcp.errors import BusyError, FlowtraceError, StorageError
from flowtrace_mcp.ingest.hook_reading import event_names, hook_of, hook_rows, read_hook, turn_id
from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind
from flowtrace_mcp.ingest.hook_spans import hook_span_writes, same_call
from flowtrace_mcp.ingest.log_writes import read_log
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.span_write import SpanWrite
from flowtrace_mcp.model.times import DAY_US, EARLIEST_US, LATEST_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.hook_answers import answer_to
from flowtrace_mcp.services.mirror_turns import is_turn_of_mirror, mirror_after
from flowtrace_mcp.services.projects import project_of
from flowtrace_mcp.storage.logs import StoredLog

# An agent waits less than 50 ms for its hook; what is not on disk by then the hook keeps itself.
COMMIT_LIMIT_S: Final = 0.030
START_COMMIT_LIMIT_S: Final = 0.3  # a session begins but once, and its hook waits longer
BATCH_LIMIT_S: Final = 30.0
# A start or a prompt that is older belongs to something else.
BEFORE_LIMIT_US: Final = DAY_US
CANDIDATES: Final = 20
PROJECT_FRESH_US: Final = 30_000_000
BINDINGS_LIMIT: Final = 64  # sessions that wait to be bound; git may be slow
_KNOWN_FOLDERS: Final = 256
_KNOWN_SESSIONS: Final = 1024

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDelivery:
    """One event as the hook's process hands it over."""

    agent: str
    body: bytes
    time_us: int  # by the clock of that process; 0 = not said
    folder: str = ""  # the agent's project, where its environment says it
    project: str = ""  # what the user calls it, or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTaken:
    """What became of an event."""

    answer: object  # for the agent, in its own format; None = nothing
    is_kept: bool  # on disk


class HookDesk:
    """Takes events; remembers which sessions and folders it has seen to.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._projects: OrderedDict[tuple[str, str], tuple[int, ProjectIdentity]] = OrderedDict()
        self._bound: OrderedDict[tuple[str, str, str], None] = OrderedDict()
        self._lock = threading.Lock()  # around the two that are remembered
        self._binder = ThreadPoolExecutor(1, thread_name_prefix="flowtrace-hooks")
        self._waiting = threading.BoundedSemaphore(BINDINGS_LIMIT)

    def take(self, delivery: HookDelivery) -> HookTaken:
        """Take one event while its agent waits.

        Raises:
            BusyError: The write queue is full.
            StorageError: The file does not take writes.
        """
        (event,), job = self._store([delivery])
        is_start = event.kind is HookKind.SESSION_START
        is_kept = _is_done(job, START_COMMIT_LIMIT_S if is_start else COMMIT_LIMIT_S)
        answer = None
        if is_kept:  # what holds up a write would hold up the answer, which notes what it told
            answer = answer_to(self._context, event, lambda: self._project(delivery, event))
        self._follow_up_later(delivery, event)
        return HookTaken(answer=answer, is_kept=is_kept)

    def take_late(self, deliveries: Sequence[HookDelivery]) -> bool:
        """Take events that nobody waits for any more; say whether they are on disk."""
        events, job = self._store(deliveries)
        is_kept = _is_done(job, BATCH_LIMIT_S)
        last = {event.transcript: event for event in events if is_turn_of_mirror(event)}
        for delivery, event in zip(deliveries, events, strict=True):
            is_last = event is last.get(event.transcript)
            self._follow_up(delivery, event, mirrors=is_last)
        return is_kept

    def close(self) -> None:
        """Finish what is under way."""
        self._binder.shutdown()

    def _store(self, deliveries: Sequence[HookDelivery]) -> tuple[list[HookEvent], "Future[int]"]:
        """Queue events and the spans they stand for."""
        context = self._context
        read = [
            read_hook(delivery.agent, delivery.body, self._time_us(delivery))
            for delivery in deliveries
        ]
        events = [event for event, _ in read]
        in_order = sorted(events, key=lambda event: event.time_us)
        logs = hook_rows(read)
        job = context.store.insert_hooks(
            logs.rows,
            sorted(logs.names),
            logs.shared,
            self._spans(in_order),
        )
        return events, job

    def _spans(self, in_order: Sequence[HookEvent]) -> list[SpanWrite]:
        """Return the spans that events stand for."""
        find, prices = _Finder(self._context, in_order).find_before, self._context.prices
        try:
            return hook_span_writes(in_order, find, prices)
        except (BusyError, StorageError):
            raise
        except Exception:  # noqa: BLE001 - a queue's edge: an event must not stop those behind it
            _log.exception("no span was made of an event, which is kept")
        if len(in_order) == 1:
            return []
        return [write for event in in_order for write in self._spans([event])]

    def _time_us(self, delivery: HookDelivery) -> int:
        told = delivery.time_us
        return told if EARLIEST_US <= told < LATEST_US else self._context.now_us()

    def _follow_up_later(self, delivery: HookDelivery, event: HookEvent) -> None:
        """Follow up on the binder's thread; of too many at once the later ones do it."""
        mirrors = is_turn_of_mirror(event)
        if not (mirrors or self._needs_binding(delivery, event)):
            return
        if not self._waiting.acquire(blocking=False):
            return

        def follow_up() -> None:
            try:
                self._follow_up(delivery, event, mirrors=mirrors)
            finally:
                self._waiting.release()

        self._binder.submit(follow_up)

    def _follow_up(self, delivery: HookDelivery, event: HookEvent, *, mirrors: bool) -> None:
        """Do what an event asks for besides being kept; the next event tries again."""
        try:
            self._bind(delivery, event)
            if mirrors:
                mirror_after(self._context, event, self._project(delivery, event))
        except FlowtraceError as error:
            _log.warning("an event was kept and not followed up: %s", error)
        except Exception:  # noqa: BLE001 - the edge of the thread
            _log.exception("an event was kept and not followed up")

    def _bind(self, delivery: HookDelivery, event: HookEvent) -> None:
        """Bind the event's session to its project; once bound, only a new start moves it.

        An agent that goes to another folder for one command does not take its session along.
        """
        if not self._needs_binding(delivery, event):
            return
        is_start = event.kind is HookKind.SESSION_START
        spans = self._context.store.spans
        if is_start or not spans.find_session_project(event.session):
            project = self._project(delivery, event)
            number = self._context.store.project_id(project.identity, project.name)
            spans.bind_session(event.session, number)
        with self._lock:
            _remember(self._bound, _told_of(delivery, event), None, _KNOWN_SESSIONS)

    def _needs_binding(self, delivery: HookDelivery, event: HookEvent) -> bool:
        session, folder, project = told = _told_of(delivery, event)
        if not session or not (folder or project):
            return False
        return told not in self._bound or event.kind is HookKind.SESSION_START

    def _project(self, delivery: HookDelivery, event: HookEvent) -> ProjectIdentity:
        """Return the project of an event's folder; git is asked again after a while."""
        named = delivery.project or self._context.settings.project
        key = (delivery.folder or event.folder, named)
        now_us = self._context.now_us()
        known = self._projects.get(key)
        if known is not None and now_us - known[0] < PROJECT_FRESH_US:
            return known[1]
        project = project_of(Path(key[0]), named)
        with self._lock:
            _remember(self._projects, key, (now_us, project), _KNOWN_FOLDERS)
        return project


def _told_of(delivery: HookDelivery, event: HookEvent) -> tuple[str, str, str]:
    """Return the session, the folder and the project that an event names."""
    return event.session, delivery.folder or event.folder, delivery.project


class _Finder:
    """Finds what came before an event: in the same batch, else among what is stored."""

    def __init__(self, context: Context, batch: Sequence[HookEvent]) -> None:
        self._context = context
        self._batch = batch

    def find_before(self, event: HookEvent, kind: HookKind) -> HookEvent | None:
        """Return the latest event of a kind that belongs to a later one, or None."""

        def belongs(earlier: HookEvent) -> bool:
            return (
                earlier.kind is kind
                and (earlier.session, earlier.agent) == (event.session, event.agent)
                and earlier.time_us <= event.time_us
                and (
                    earlier.turn == event.turn
                    if kind is HookKind.PROMPT
                    else same_call(earlier, event)
                )
            )

        for earlier in reversed(self._batch):
            if belongs(earlier):
                return earlier
        found = self._stored(event, kind)
        kept = (hook_of(read_log(one.data)) for one in found)
        return next((each for each in kept if each is not None and belongs(each)), None)

    def _stored(self, event: HookEvent, kind: HookKind) -> Sequence[StoredLog]:
        """Return stored events of a kind, the latest first.

        A prompt may lie thousands of events back; of a turn that has a name it is the first.
        """
        names, store = event_names(kind, agent=event.agent), self._context.store
        key = turn_id(event.session, event.turn) if kind is HookKind.PROMPT else b""
        if key:
            return store.list_trace_events(key, names, 1)
        window_us = (event.time_us - BEFORE_LIMIT_US, event.time_us + 1)
        return store.list_session_events(event.session, names, window_us, CANDIDATES)


def _is_done(job: "Future[int]", limit_s: float) -> bool:
    """Wait for a write; say whether it is on disk within the limit."""
    try:
        job.result(limit_s)
    except FutureTimeoutError:
        return False
    return True


def _remember(known: "OrderedDict[Any, Any]", key: object, value: object, limit_count: int) -> None:
    known[key] = value
    known.move_to_end(key)
    while len(known) > limit_count:
        known.popitem(last=False)
