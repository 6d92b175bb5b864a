"""The state of this Flowtrace as JSON."""

from collections.abc import Callable

from starlette.routing import Route

from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.status import ListenerFacts, status, status_body


def status_routes(endpoints: Endpoints, listener_facts: Callable[[], ListenerFacts]) -> list[Route]:
    """Return the route of the status."""

    def answer(context: Context, question: Question) -> object:
        question.only()
        return status_body(status(context, listener_facts()))

    return [endpoints.get("/api/v1/status", answer)]
