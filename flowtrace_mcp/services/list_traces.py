"""List traces, newest first, from their roll-ups."""

from dataclasses import dataclass

import msgspec

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.listing import (
    Listed,
    Position,
    RollupTotals,
    Window,
    find_project,
    page_before,
    project_names,
    totals_of,
)
from flowtrace_mcp.storage.traces import TraceRollup


class TraceRow(msgspec.Struct, frozen=True, kw_only=True):
    """One trace of a list; None = not known."""

    trace_id: str  # hex
    name: str | None  # of the root span, None until it arrives
    session: str | None
    agent: str | None
    service: str | None
    project: str | None
    start_us: int
    duration_us: int
    totals: RollupTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFilter:
    """Which traces; "" = all."""

    session: str = ""
    project: str = ""  # name, identity or number
    window: Window


def list_traces(
    context: Context, wanted: TraceFilter, position: Position | None, limit: int
) -> Listed[TraceRow]:
    """Return at most ``limit`` traces, newest first, that start in a window."""
    project_id = find_project(context, wanted.project) if wanted.project else None
    if wanted.project and project_id is None:
        return Listed(items=(), next=None)
    page = page_before(wanted.window, position, limit)
    found = context.store.spans.list_traces(page, project_id=project_id, session=wanted.session)
    is_full = len(found) == limit
    last = found[-1] if is_full else None
    if wanted.session and project_id is not None:  # a session lies in one project
        found = [rollup for rollup in found if rollup.project_id == project_id]
    return Listed(
        items=trace_rows(context, found),
        next=None if last is None else Position(time_us=last.start_us, number=_low_half(last)),
    )


def trace_rows(context: Context, found: list[TraceRollup]) -> list[TraceRow]:
    """Return roll-ups with names for the numbers in them."""
    numbers = {
        number
        for rollup in found
        for number in (rollup.name_id, rollup.session_id, rollup.agent_id, rollup.service_id)
    }
    names = context.store.spans.get_strings(numbers)
    projects = project_names(context) if any(rollup.project_id for rollup in found) else {}
    return [
        TraceRow(
            trace_id=rollup.trace_id.hex(),
            name=names.get(rollup.name_id) or None,
            session=names.get(rollup.session_id) or None,
            agent=names.get(rollup.agent_id) or None,
            service=names.get(rollup.service_id) or None,
            project=projects.get(rollup.project_id),
            start_us=rollup.start_us,
            duration_us=rollup.end_us - rollup.start_us,
            totals=totals_of(rollup.measures),
        )
        for rollup in found
    ]


def _low_half(rollup: TraceRollup) -> int:
    return int.from_bytes(rollup.trace_id[8:], "big", signed=True)
