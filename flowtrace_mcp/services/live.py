"""What agents do right now: the traces and sessions that have changed since somebody looked."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from flowtrace_mcp.model.edge import SpanStatus
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_sessions import SessionRow, session_rows
from flowtrace_mcp.services.list_traces import TraceRow, trace_rows
from flowtrace_mcp.services.listing import find_project
from flowtrace_mcp.services.trace_bodies import STATUS_NAMES, TYPE_NAMES
from flowtrace_mcp.services.trace_reading import decode_stored
from flowtrace_mcp.storage.span_store import StoredSpan

CHANGES_MOST: Final = 100


class LatestSpan(msgspec.Struct, frozen=True, kw_only=True):
    """The span of a trace that started last: what the agent is doing, or did last."""

    span_id: str
    display: str
    span_type: str
    status: str
    start_us: int
    duration_us: int


class LiveTrace(TraceRow, frozen=True, kw_only=True):
    """A trace as lists show it, and what it came to last."""

    latest: LatestSpan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What has changed up to a change.

    Attributes:
        last: Where to go on from.
        is_whole: Whether nothing more had changed.
        traces: With the number of each one's last change, in that order.
        sessions: As lists show them.
    """

    last: int
    is_whole: bool
    traces: Sequence[tuple[int, LiveTrace]]
    sessions: Sequence[SessionRow]


def last_change(context: Context) -> int:
    """Return the number of the last change in the file; numbers only ever grow.

    Only the content of a restored backup may have a smaller one.
    """
    return context.store.changes.last_change()


def changes_after(context: Context, after: int, project: str = "") -> Changes:
    """Return what has changed after a change, the oldest first and a bounded part of it.

    Args:
        context: The means of the program.
        after: The number of a change.
        project: Only of this one: a name, an identity or a number; "" = of all.
    """
    found = context.store.changes.list_changed(after, CHANGES_MOST)
    last = found.traces[-1].change_id if found.traces else after
    is_whole = len(found.traces) < CHANGES_MOST
    wanted = find_project(context, project) if project else None
    changed, rollups = found.traces, found.sessions
    if project:
        changed = [one for one in changed if one.rollup.project_id == wanted]
        rollups = [one for one in rollups if one.project_id == wanted]
    rows = trace_rows(context, [one.rollup for one in changed])
    live = [
        (one.change_id, LiveTrace(**msgspec.structs.asdict(row), latest=_latest(one.latest)))
        for one, row in zip(changed, rows, strict=True)
    ]
    sessions = session_rows(context, rollups)
    return Changes(last=last, is_whole=is_whole, traces=live, sessions=sessions)


def _latest(stored: StoredSpan | None) -> LatestSpan | None:
    decoded = decode_stored(stored) if stored is not None else None
    if decoded is None:
        return None
    record, facts = decoded
    return LatestSpan(
        span_id=record.span_id.hex(),
        display=facts.display or record.name,
        span_type=TYPE_NAMES[facts.span_type],
        status=STATUS_NAMES[SpanStatus(record.status)],
        start_us=record.start_us,
        duration_us=record.duration_us,
    )
