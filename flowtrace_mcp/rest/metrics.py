"""Metric points as JSON."""

from typing import Final

from flowtrace_mcp.rest.declared import LISTING, SESSION, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, cursor_key, cursor_of
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_points import PointFilter, list_points

_NAME: Final = Parameter(name="name", means="only of this metric")
_SERVICE: Final = Parameter(name="service", means="only of this service")


def metric_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of metric points."""
    return [
        endpoints.get(
            "/api/v1/metrics/points",
            _list,
            _NAME,
            _SERVICE,
            SESSION,
            *LISTING,
            says="metric points, oldest first, see below",
        )
    ]


def _list(context: Context, question: Question) -> object:
    wanted = PointFilter(
        name=question.text(_NAME),
        service=question.text(_SERVICE),
        session=question.text(SESSION),
        window=question.window,
    )
    key = cursor_key("points", wanted)
    found = list_points(context, wanted, question.position(key), question.limit)
    return {"items": found.items, "next": cursor_of(found.next, key)}
