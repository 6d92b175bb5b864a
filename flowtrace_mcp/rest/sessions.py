"""Sessions as JSON: the list, and one with its traces."""

import msgspec

from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.rest.answers import to_json
from flowtrace_mcp.rest.declared import LISTING, PROJECT, DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, cursor_key, cursor_of
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_sessions import SessionFilter, list_sessions
from flowtrace_mcp.services.listing import project_names
from flowtrace_mcp.services.trace_bodies import session_body
from flowtrace_mcp.services.trace_reading import read_session


def session_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of sessions; an id may hold any character, slashes included."""
    return [
        endpoints.get(
            "/api/v1/sessions",
            _list,
            PROJECT,
            *LISTING,
            says="sessions, newest first; also under the key `sessions`",
        ),
        endpoints.get(
            "/api/v1/sessions/{session:path}",
            _one,
            says="a session: `traces` without their spans, and `totals`",
        ),
    ]


def _list(context: Context, question: Question) -> object:
    wanted = SessionFilter(project=question.text(PROJECT), window=question.window)
    key = cursor_key("sessions", wanted)
    found = list_sessions(context, wanted, question.position(key), question.limit)
    items = msgspec.Raw(to_json(found.items))
    return {"items": items, "sessions": items, "next": cursor_of(found.next, key)}


def _one(context: Context, question: Question) -> object:
    session = question.path["session"]
    reading = read_session(context, session)
    if reading is None:
        raise NotFoundError(
            f"no session {session[:80]!r}",
            why="no span names it",
            mend="copy the id from GET /api/v1/sessions",
        )
    return session_body(reading, project_names(context).get(reading.project_id, ""))
