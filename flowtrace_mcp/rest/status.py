"""The state of this Flowtrace as JSON."""

from collections.abc import Callable

from flowtrace_mcp.rest.declared import DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.status import ListenerFacts, status, status_body


def status_routes(
    endpoints: Endpoints, listener_facts: Callable[[], ListenerFacts]
) -> list[DeclaredRoute]:
    """Return the route of the status."""

    def answer(context: Context, question: Question) -> object:
        del question
        return status_body(status(context, listener_facts()))

    return [
        endpoints.get(
            "/api/v1/status",
            answer,
            says="counts, sizes, ports, the model, and what agents still have to switch on",
        )
    ]
