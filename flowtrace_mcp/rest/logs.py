"""Log records and events as JSON."""

from flowtrace_mcp.rest.declared import LISTING, SESSION, TRACE, DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, cursor_key, cursor_of
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_logs import LogFilter, list_logs


def log_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of log records."""
    return [
        endpoints.get(
            "/api/v1/logs",
            _list,
            TRACE,
            SESSION,
            *LISTING,
            says="log records and events, oldest first",
        )
    ]


def _list(context: Context, question: Question) -> object:
    wanted = LogFilter(
        trace_id=question.trace_id(question.text(TRACE)),
        session=question.text(SESSION),
        window=question.window,
    )
    key = cursor_key("logs", wanted)
    found = list_logs(context, wanted, question.position(key), question.limit)
    return {"items": found.items, "next": cursor_of(found.next, key)}
