"""Traces as JSON: the list, one with its spans, one as a tree, and spans posted as JSON."""

from starlette.routing import Route

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.services.trace_bodies import trace_body, tree_body


def trace_routes(endpoints: Endpoints, pipeline: Pipeline) -> list[Route]:
    """Return the routes of traces and spans."""
    return [
        endpoints.get("/api/v1/traces", _list),
        endpoints.post("/api/v1/traces", _poster(pipeline), status=201),
        endpoints.get("/api/v1/traces/{trace_id}", _one(trace_body)),
        endpoints.get("/api/v1/traces/{trace_id}/tree", _one(tree_body)),
    ]
