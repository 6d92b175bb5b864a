"""Log records and events as JSON."""

from starlette.routing import Route

from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import LISTING, Question, cursor_key, cursor_of
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_logs import LogFilter, list_logs


def log_routes(endpoints: Endpoints) -> list[Route]:
    """Return the routes of log records."""
    return [endpoints.get("/api/v1/logs", _list)]


def _list(context: Context, question: Question) -> object:
    question.only("trace_id", "session", "session_id", *LISTING)
    wanted = LogFilter(
        trace_id=question.trace_id(question.text("trace_id")),
        session=question.text("session", "session_id"),
        window=question.window,
    )
    key = cursor_key("logs", wanted)
    found = list_logs(context, wanted, question.position(key), question.limit)
    return {"items": found.items, "next": cursor_of(found.next, key)}
