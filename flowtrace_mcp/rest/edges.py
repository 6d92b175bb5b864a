"""Edges as JSON: one, and those that it is causally bound to."""

from flowtrace_mcp.rest.declared import DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints, Work
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.edges import Relation, find_edge, list_path, list_related


def edge_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of edges; an id is an edge's or its span's."""
    return [
        endpoints.get(
            "/api/v1/edges/{edge_id}",
            _one,
            says="an edge, its fields as in [edge.md](format/edge.md)",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/children",
            _related("children"),
            says="the edges whose parent it is; also under the key `edges`",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/ancestors",
            _related("ancestors"),
            says="the edges that led to it, its parent first",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/descendants",
            _related("descendants"),
            says="all edges that it led to, the nearest first",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/path/{other_id}",
            _path,
            says="the edges from one to another, both included; none where nothing led to both",
        ),
    ]


def _one(context: Context, question: Question) -> object:
    return find_edge(context, question.path["edge_id"])


def _related(relation: Relation) -> Work:
    def answer(context: Context, question: Question) -> object:
        return list_related(context, question.path["edge_id"], relation)

    return answer


def _path(context: Context, question: Question) -> object:
    return list_path(context, question.path["edge_id"], question.path["other_id"])
