"""The routes of edges: taken in, asked for, and those that one is causally bound to."""

from typing import Final

import msgspec

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest.declared import DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late
from flowtrace_mcp.services.edge_bodies import EdgeBody, EdgesBody

LINKS: Final = Parameter(
    name="links", form="boolean", means="true: over span links too, into other traces and sessions"
)


class EdgeFilter(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Which edges; null and "" ask for nothing."""

    tenant_id: int | None = None
    project_id: int | str | None = None
    agent_id: int | str = ""
    session_id: int | str = ""
    span_type: int | str = ""
    exclude_pii: bool = False
    min_confidence: float | None = None


class EdgeQueryBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Edges of a time, in microseconds."""

    start_timestamp_us: int
    end_timestamp_us: int
    filter: EdgeFilter | None = None
    limit: int = 1_000


def edge_routes(endpoints: Endpoints, pipeline: Pipeline) -> list[DeclaredRoute]:
    """Return the routes of edges; an id is an edge's or its span's."""
    return [
        endpoints.post(
            "/api/v1/edges",
            late("edge_answers", "post_one", pipeline),
            status=201,
            bodies=(EdgeBody,),
            body="an edge, see below",
            says="the edge as it is stored",
        ),
        endpoints.post(
            "/api/v1/edges/batch",
            late("edge_answers", "post_many", pipeline),
            status=201,
            bodies=(EdgesBody,),
            body='`{"edges": [...]}`',
            says='`{"accepted", "rejected", "edge_ids", "errors"}`',
        ),
        endpoints.post(
            "/api/v1/edges/query",
            late("edge_answers", "query"),
            bodies=(EdgeQueryBody,),
            body="`start_timestamp_us`, `end_timestamp_us`, `filter`, `limit`",
            says="edges of a time, newest first; `has_more` says whether there are others",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}",
            late("edge_answers", "one"),
            says="an edge, its fields as in [edge.md](format/edge.md)",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/children",
            late("edge_answers", "related", "children"),
            says="the edges whose parent it is; also under the key `edges`",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/siblings",
            late("edge_answers", "related", "siblings"),
            says="the other edges of its parent",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/ancestors",
            late("edge_answers", "related", "ancestors"),
            LINKS,
            says="the edges that led to it, its parent first",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/descendants",
            late("edge_answers", "related", "descendants"),
            LINKS,
            says="all edges that it led to, the nearest first",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/path/{other_id}",
            late("edge_answers", "path"),
            LINKS,
            says="the edges from one to another, both included; none where nothing led to both",
        ),
    ]
