"""The state of this Flowtrace as JSON."""

import dataclasses
from collections.abc import Callable

from starlette.routing import Route

from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.status import ListenerFacts, status


def status_routes(endpoints: Endpoints, listener_facts: Callable[[], ListenerFacts]) -> list[Route]:
    """Return the route of the status."""

    def answer(context: Context, question: Question) -> object:
        question.only()
        found = status(context, listener_facts())
        body = dataclasses.asdict(found)
        refusal = found.store.write_refusal
        body["store"]["write_refusal"] = None if refusal is None else str(refusal)
        return body

    return [endpoints.get("/api/v1/status", answer)]
