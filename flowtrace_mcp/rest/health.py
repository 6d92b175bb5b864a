"""Whether the process lives and can answer: for watchers, other processes of ours and people."""

import time
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from flowtrace_mcp import __version__
from flowtrace_mcp.rest.answers import json_response, to_json
from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.status import pending_embeddings


def health_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes that watchers ask; the first three need no token."""
    return [
        endpoints.get(
            "/health",
            _health,
            error_status=503,
            is_open=True,
            says=(
                '`{"status", "version", "data_folder_id", "pending_embeddings"}`; `503` when the'
                " file cannot be opened"
            ),
        ),
        DeclaredRoute(
            Declaration(
                method="GET",
                path="/live",
                is_open=True,
                says='`{"status": "alive"}` from a process that still turns',
            ),
            _live,
        ),
        endpoints.get(
            "/ready",
            _ready,
            error_status=503,
            is_open=True,
            says='`{"status": "ready"}` after asking the database; else `503`',
        ),
        endpoints.get(
            "/api/v1/health",
            _full_health(time.monotonic),
            says='`{"status", "version", "uptime_seconds", "storage"}`',
        ),
    ]


def _health(context: Context, question: Question) -> object:
    del question
    return {
        "status": "healthy",
        "version": __version__,
        "data_folder_id": context.store.data_folder_id,
        "pending_embeddings": pending_embeddings(context),
    }


async def _live(request: Request) -> Response:
    """Answer from the event loop itself: that it turns is the answer."""
    del request
    return json_response(to_json({"status": "alive"}))


def _ready(context: Context, question: Question) -> object:
    """Ask the database something that it has to read."""
    del question
    context.store.list_projects()
    return {"status": "ready", "checks": {"database": "ok"}}


def _full_health(clock_s: Callable[[], float]) -> Callable[[Context, Question], object]:
    started_s = clock_s()

    def answer(context: Context, question: Question) -> object:
        del question
        facts = context.store.facts()
        return {
            "status": "healthy" if facts.write_refusal is None else "degraded",
            "version": __version__,
            "uptime_seconds": round(clock_s() - started_s, 3),
            "storage": {"reachable": True, "total_edges": facts.span_count},
        }

    return answer
