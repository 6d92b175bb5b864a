"""Whose work an answer is about, and that work read back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.model.own_call import OWN_SERVICE
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.named_spans import named_trace
from flowtrace_mcp.services.trace_reading import TraceReading, read_trace
from flowtrace_mcp.storage.traces import Page, TraceRollup

OWN: Final = ""
LAST: Final = "last"
ALL: Final = "all"
# So much is read for one answer, which takes about 0.3 s.
SPANS_READ_LIMIT: Final = 6_000
TRACES_LOOKED_AT_LIMIT: Final = 1_000
SESSIONS_LOOKED_AT_LIMIT: Final = 50
_TRACES_SHOWING: Final = 50  # by so many newest traces a session is judged
_OWN_SERVICE: Final = to_signed(string_id(OWN_SERVICE))
_FOREVER_US: Final = (0, 2**52)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose spans are looked at, and from when."""

    session: str = ""  # "" = all
    window_us: tuple[int, int] = _FOREVER_US
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Traces read back, newest first, and what is to be said of what was not read."""

    readings: Sequence[TraceReading]
    note: str = ""


def window_of(since: str | int | None, until: str | int | None) -> tuple[int, int]:
    """Return a window in microseconds, its end not included.

    Raises:
        InputError: A time cannot be read, or the window is turned round.
    """
    since_us = _FOREVER_US[0] if since is None else parse_time_us(since, name="since")
    until_us = _FOREVER_US[1] if until is None else parse_time_us(until, name="until")
    if since_us >= until_us:
        raise InputError(
            "since is not before until", why="they bound a time window", mend="swap them"
        )
    return since_us, until_us


def find_subject(
    context: Context, asked: str, window_us: tuple[int, int], caller: Caller
) -> Subject:
    """Return whose spans are meant; without any of the caller's own, those of the machine.

    Args:
        context: The means of the program.
        asked: A session, "" for the caller's own, "last" for the one before it, or "all".
        window_us: When they started.
        caller: Who asks.

    Raises:
        NotFoundError: No span names that session.
    """
    if asked == ALL:
        return Subject(window_us=window_us)
    if asked == LAST:
        return Subject(session=_last_session(context, caller), window_us=window_us)
    if asked:
        if context.store.spans.find_session(asked) is None:
            raise NotFoundError(
                f"no session {asked[:80]!r}",
                why="no span names it",
                mend='ask with session "all" for those there are',
            )
        return Subject(session=asked, window_us=window_us)
    own = context.store.spans.find_session(caller.session) if caller.session else None
    if own is None or _is_only_ours(context, caller.session):
        note = "no spans of your own session; showing the newest of all"
        return Subject(window_us=window_us, note=note)
    if not own.project_id:
        context.store.spans.bind_session(caller.session, place_of(context, caller).project_id)
    return Subject(session=caller.session, window_us=window_us)


def _last_session(context: Context, caller: Caller) -> str:
    recent = context.store.spans.list_sessions(Page(limit=SESSIONS_LOOKED_AT_LIMIT))
    names = context.store.spans.get_strings(row.session_id for row in recent)
    for row in recent:
        name = names[row.session_id]
        if name != caller.session and not _is_only_ours(context, name):
            return name
    raise NotFoundError(
        "there is no session before yours",
        why="no other is stored",
        mend='ask with session "all"',
    )


def _is_only_ours(context: Context, session: str) -> bool:
    """Say whether a session holds calls of our own server alone: that is no work of an agent's.

    Every process of ours that an editor starts has such a session, named by the agent or not.
    """
    newest = context.store.spans.list_traces(Page(limit=_TRACES_SHOWING), session=session)
    return all(row.service_id == _OWN_SERVICE for row in newest)


def list_rollups(context: Context, subject: Subject, limit: int) -> list[TraceRollup]:
    """Return the roll-ups of a subject's traces, newest first."""
    since_us, until_us = subject.window_us
    page = Page(limit=limit, since_us=since_us, before_us=until_us)
    return context.store.spans.list_traces(page, session=subject.session)


def look_at(
    context: Context,
    subject: Subject,
    is_wanted: Callable[[TraceRollup], bool],
    worth: Callable[[TraceRollup], int] | None = None,
) -> Looked:
    """Return a subject's traces read back, as many as fit into what is read for one answer.

    Args:
        context: The means of the program.
        subject: Whose.
        is_wanted: Whether a trace can matter at all.
        worth: Which to read first where not all are; None = the newest.
    """
    rollups = list_rollups(context, subject, TRACES_LOOKED_AT_LIMIT)
    wanted = [row for row in rollups if is_wanted(row)]
    if worth is not None:
        wanted.sort(key=lambda row: -worth(row))
    left = SPANS_READ_LIMIT
    readings = []
    for row in wanted:
        if left <= 0:
            break
        left -= row.measures.span_count
        reading = read_trace(context, row.trace_id)
        if reading is not None:
            readings.append(reading)
    readings.sort(key=lambda reading: -reading.start_us)
    are_all = len(readings) == len(wanted) and len(rollups) < TRACES_LOOKED_AT_LIMIT
    some = f"read {len(readings)} traces of the newest {len(rollups)}"
    return Looked(readings=readings, note="" if are_all else f"{some}; narrow with since and until")


def newest_trace(context: Context, subject: Subject) -> TraceReading:
    """Return a subject's newest trace.

    Raises:
        NotFoundError: There is none.
    """
    rows = list_rollups(context, subject, 1)
    if not rows:
        raise NotFoundError(
            "there is no trace yet",
            why="no span has arrived",
            mend="`status` says how to send some",
        )
    return trace_of(context, rows[0].trace_id)


def trace_named(context: Context, typed: str) -> TraceReading:
    """Return the trace that an id or a handle means.

    Raises:
        InputError: It is neither, or fits several.
        NotFoundError: No span of it is stored.
    """
    return trace_of(context, named_trace(context, typed))


def trace_of(context: Context, trace_id: bytes) -> TraceReading:
    """Return a trace of 16-byte id.

    Raises:
        NotFoundError: No span of it is stored.
    """
    reading = read_trace(context, trace_id)
    if reading is None:
        raise NotFoundError(
            f"no trace {trace_id.hex()}",
            why="no span of it is stored",
            mend='find it with view "list"',
        )
    return reading
