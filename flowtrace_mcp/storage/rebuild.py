"""Roll-ups made again from the spans, which are the truth.

Needed where spans leave a roll-up: a sketch and an extreme cannot be taken back.
"""

from collections.abc import Sequence
from typing import Any, Final

import apsw

from flowtrace_mcp.model.edge import Edge, unpack_edge
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.storage import edges, project_hours, sessions, traces, usage, use_hours
from flowtrace_mcp.storage.first_said import first_said
from flowtrace_mcp.storage.measures import sum_measures
from flowtrace_mcp.storage.project_hours import HourAddition
from flowtrace_mcp.storage.span_rows import measures_of

SPANS_LIMIT: Final = 10_000_000
ALL_TIMES_US: Final = (0, 2**52)
# A key may lie behind its start by as much as there are spans that start together.
_KEY_SLACK_US: Final = 1_000_000

_Measured = tuple[Edge, tuple[Any, ...]]


def rebuild_hour(connection: apsw.Connection, project_id: int, hour_us: int) -> None:
    """Make the row of a project and hour again from its spans."""
    project_hours.delete_project_hour(connection, project_id, hour_us)
    use_hours.mark_stale(connection, [hour_us])
    window_us = (hour_us, hour_us + HOUR_US + _KEY_SLACK_US)
    found = _measured(
        connection, edges.list_project_edges(connection, project_id, window_us, SPANS_LIMIT)
    )
    found = [pair for pair in found if hour_of(pair[0]) == hour_us]
    if not found:
        return
    project_hours.add_to_project_hour(
        connection,
        HourAddition(
            project_id=project_id,
            hour_us=hour_us,
            durations_us=[edge.duration_us for edge, _ in found],
            session_ids=frozenset(edge.session_id for edge, _ in found if edge.session_id),
            measures=sum_measures([values for _, values in found]),
        ),
    )


def rebuild_session(connection: apsw.Connection, session_id: int) -> None:
    """Make the row of an unsigned session id again from its spans; the user's name stays."""
    row = sessions.find_session(connection, session_id)
    if row is None:
        return
    sessions.delete_session(connection, session_id)
    found = _measured(
        connection, edges.list_session_edges(connection, session_id, ALL_TIMES_US, SPANS_LIMIT)
    )
    if not found:
        return
    agent_id, agent_us = first_said((edge.agent_id, edge.timestamp_us) for edge, _ in found)
    rebuilt = sessions.SessionRollup(
        session_id=to_signed(session_id),
        project_id=row.project_id,
        agent_id=agent_id,
        agent_us=agent_us,
        user_id=row.user_id,
        user_us=row.user_us,
        start_us=min(edge.timestamp_us for edge, _ in found),
        end_us=max(edge.timestamp_us + edge.duration_us for edge, _ in found),
        measures=sum_measures([values for _, values in found]),
    )
    sessions.add_to_sessions(connection, [rebuilt])


def rebuild_trace(connection: apsw.Connection, trace_id: bytes) -> None:
    """Make a trace's row again from its spans; the names of root and service stay."""
    row = traces.find_trace(connection, trace_id)
    if row is None:
        return
    traces.delete_trace(connection, trace_id)
    found = _measured(connection, edges.list_trace_edges(connection, trace_id, SPANS_LIMIT))
    if not found:
        return
    session_id, session_us = first_said((edge.session_id, edge.timestamp_us) for edge, _ in found)
    agent_id, agent_us = first_said((edge.agent_id, edge.timestamp_us) for edge, _ in found)
    projects = {to_signed(edge.session_id): edge.project_id for edge, _ in found}
    rebuilt = traces.TraceRollup(
        trace_id=trace_id,
        project_id=projects.get(session_id, 0),
        session_id=session_id,
        session_us=session_us,
        agent_id=agent_id,
        agent_us=agent_us,
        service_id=row.service_id,
        service_us=row.service_us,
        name_id=row.name_id,
        name_us=row.name_us,
        start_us=min(edge.timestamp_us for edge, _ in found),
        end_us=max(edge.timestamp_us + edge.duration_us for edge, _ in found),
        measures=sum_measures([values for _, values in found]),
    )
    traces.add_to_traces(connection, [rebuilt])


def hour_of(edge: Edge) -> int:
    """Return the start of the hour in which a span starts, in microseconds."""
    return edge.timestamp_us - edge.timestamp_us % HOUR_US


def _measured(connection: apsw.Connection, found: Sequence[edges.KeyedEdge]) -> list[_Measured]:
    used = usage.get_usage(connection, [key for key, _ in found])
    unpacked = [(unpack_edge(record), used.get(key)) for key, record in found]
    return [(edge, measures_of_stored(edge, use)) for edge, use in unpacked]


def measures_of_stored(edge: Edge, used: usage.StoredUsage | None) -> tuple[Any, ...]:
    """Return what a stored span adds to the roll-ups, in the order of their columns."""
    tokens, cost_usd = (used.tokens, used.cost_usd) if used else (None, None)
    return measures_of(edge.span_type, edge.status, edge.flags, tokens, cost_usd)
