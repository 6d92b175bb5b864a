"""List sessions, newest first, from their roll-ups."""

from collections.abc import Sequence
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
from flowtrace_mcp.storage.sessions import SessionRollup


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session of a list; None = not known."""

    session: str | None
    agent: str | None
    user: str | None
    project: str | None
    start_us: int
    end_us: int
    totals: RollupTotals


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions; "" = all."""

    project: str = ""  # name, identity or number
    window: Window


def list_sessions(
    context: Context, wanted: SessionFilter, position: Position | None, limit: int
) -> Listed[SessionRow]:
    """Return at most ``limit`` sessions, newest first, that start in a window."""
    project_id = find_project(context, wanted.project) if wanted.project else None
    if wanted.project and project_id is None:
        return Listed(items=(), next=None)
    page = page_before(wanted.window, position, limit)
    found = context.store.spans.list_sessions(page, project_id)
    rows = session_rows(context, found)
    last = found[-1] if len(found) == limit else None
    goes_on = None if last is None else Position(time_us=last.start_us, number=last.session_id)
    return Listed(items=rows, next=goes_on)


def session_rows(context: Context, found: Sequence[SessionRollup]) -> list[SessionRow]:
    """Return roll-ups with names for the numbers in them."""
    names = context.store.spans.get_strings(
        {number for row in found for number in (row.session_id, row.agent_id, row.user_id)}
    )
    projects = project_names(context) if any(row.project_id for row in found) else {}
    return [
        SessionRow(
            session=names.get(row.session_id) or None,
            agent=names.get(row.agent_id) or None,
            user=names.get(row.user_id) or None,
            project=projects.get(row.project_id),
            start_us=row.start_us,
            end_us=row.end_us,
            totals=totals_of(row.measures),
        )
        for row in found
    ]
