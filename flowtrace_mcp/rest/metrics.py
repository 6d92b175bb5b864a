"""Metric points as JSON."""

from starlette.routing import Route

from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import LISTING, Question, cursor_key, cursor_of
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_points import PointFilter, list_points


def metric_routes(endpoints: Endpoints) -> list[Route]:
    """Return the routes of metric points."""
    return [endpoints.get("/api/v1/metrics/points", _list)]


def _list(context: Context, question: Question) -> object:
    question.only("name", "service", "session", "session_id", *LISTING)
    wanted = PointFilter(
        name=question.text("name"),
        service=question.text("service"),
        session=question.text("session", "session_id"),
        window=question.window,
    )
    key = cursor_key("points", wanted)
    found = list_points(context, wanted, question.position(key), question.limit)
    return {"items": found.items, "next": cursor_of(found.next, key)}
