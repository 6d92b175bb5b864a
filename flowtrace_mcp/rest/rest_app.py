"""The REST interface as one app: every route behind one gate."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest.access import AccessGate, AccessPolicy
from flowtrace_mcp.rest.analytics import analytics_routes
from flowtrace_mcp.rest.answers import unserved_response
from flowtrace_mcp.rest.backups import backup_routes
from flowtrace_mcp.rest.budgets import budget_routes
from flowtrace_mcp.rest.costs import cost_routes
from flowtrace_mcp.rest.declared import DeclaredRoute
from flowtrace_mcp.rest.edges import edge_routes
from flowtrace_mcp.rest.embed import embed_routes
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.exposition import exposition_routes
from flowtrace_mcp.rest.health import health_routes
from flowtrace_mcp.rest.hooks import hook_routes
from flowtrace_mcp.rest.insights import insight_routes
from flowtrace_mcp.rest.keys import key_routes
from flowtrace_mcp.rest.logs import log_routes
from flowtrace_mcp.rest.memories import memory_routes
from flowtrace_mcp.rest.metrics import metric_routes
from flowtrace_mcp.rest.reference import reference_routes
from flowtrace_mcp.rest.retention import retention_routes
from flowtrace_mcp.rest.sessions import session_routes
from flowtrace_mcp.rest.spans import span_routes
from flowtrace_mcp.rest.status import status_routes
from flowtrace_mcp.rest.storage import storage_routes
from flowtrace_mcp.rest.stream import stream_routes
from flowtrace_mcp.rest.traces import trace_routes
from flowtrace_mcp.services.status import ListenerFacts


def rest_app(
    endpoints: Endpoints,
    pipeline: Pipeline,
    listener_facts: Callable[[], ListenerFacts],
    policy: AccessPolicy,
    *,
    extra_routes: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Return the app for the REST port.

    Args:
        endpoints: Makes routes of functions.
        pipeline: Takes spans that are posted.
        listener_facts: Who serves which port.
        policy: Who may come in.
        extra_routes: Served beside the REST routes: MCP over HTTP.
    """
    routes = [*rest_routes(endpoints, pipeline, listener_facts), *extra_routes]
    app = Starlette(routes=routes, exception_handlers={HTTPException: unserved_response})
    return AccessGate(app, policy)


def rest_routes(
    endpoints: Endpoints, pipeline: Pipeline, listener_facts: Callable[[], ListenerFacts]
) -> list[DeclaredRoute]:
    """Return all REST routes; they are tried in this order, so what is asked most stands first."""
    routes = [
        *stream_routes(endpoints),  # before the traces: its path would read as a trace's id
        *trace_routes(endpoints, pipeline),
        *span_routes(endpoints),
        *memory_routes(endpoints),
        *edge_routes(endpoints, pipeline),
        *hook_routes(endpoints),
        *session_routes(endpoints),
        *health_routes(endpoints),
        *log_routes(endpoints),
        *metric_routes(endpoints),
        *cost_routes(endpoints),
        *budget_routes(endpoints),
        *insight_routes(endpoints),
        *analytics_routes(endpoints),
        *embed_routes(endpoints),
        *status_routes(endpoints, listener_facts),
        *exposition_routes(endpoints),
        *storage_routes(endpoints),
        *backup_routes(endpoints),
        *key_routes(endpoints),
        *retention_routes(endpoints),
        *reference_routes(lambda: routes),
    ]
    return routes
