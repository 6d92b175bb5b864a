"""A session comes to a project, and all that is stored of it moves along."""

import apsw

from flowtrace_mcp.model.edge import unpack_edge, with_project
from flowtrace_mcp.storage import edges, projects, sessions, span_text, traces
from flowtrace_mcp.storage.rebuild import ALL_TIMES_US, SPANS_LIMIT, hour_of, rebuild_hour


def bind_session(connection: apsw.Connection, session_id: int, project_id: int) -> int:
    """Move an unsigned session id's spans and roll-ups to a project; return how many spans moved.

    The roll-ups of hours are made again from their spans.
    """
    projects.update_session_project(connection, session_id, project_id)
    found = edges.list_session_edges(connection, session_id, ALL_TIMES_US, SPANS_LIMIT)
    touched: set[tuple[int, int]] = set()
    for key, record in found:
        edge = unpack_edge(record)
        touched |= {(edge.project_id, hour_of(edge)), (project_id, hour_of(edge))}
        edges.update_edge_project(connection, key, project_id, with_project(record, project_id))
    span_text.note_unread(connection, [key for key, _ in found])
    sessions.update_sessions_project(connection, session_id, project_id)
    traces.update_traces_project(connection, session_id, project_id)
    for project, hour_us in sorted(touched):
        rebuild_hour(connection, project, hour_us)
    return len(found)
