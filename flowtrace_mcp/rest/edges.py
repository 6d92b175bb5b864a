"""Edges as JSON: taken in, asked for, and those that one is causally bound to."""

from typing import Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest.declared import DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints, Work
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.rest.span_filters import flag
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.edges import Relation, edge_body, find_edge, list_path, list_related
from flowtrace_mcp.services.find_spans import SpanQuery, find_spans
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.post_edges import EdgeBody, EdgesBody, post_edges

QUERY_MOST: Final = 10_000
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
            _post_one(pipeline),
            status=201,
            bodies=(EdgeBody,),
            body="an edge, see below",
            says="the edge as it is stored",
        ),
        endpoints.post(
            "/api/v1/edges/batch",
            _post_many(pipeline),
            status=201,
            bodies=(EdgesBody,),
            body='`{"edges": [...]}`',
            says='`{"accepted", "rejected", "edge_ids", "errors"}`',
        ),
        endpoints.post(
            "/api/v1/edges/query",
            _query,
            bodies=(EdgeQueryBody,),
            body="`start_timestamp_us`, `end_timestamp_us`, `filter`, `limit`",
            says="edges of a time, newest first; `has_more` says whether there are others",
        ),
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
            "/api/v1/edges/{edge_id}/siblings",
            _related("siblings"),
            says="the other edges of its parent",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/ancestors",
            _related("ancestors"),
            LINKS,
            says="the edges that led to it, its parent first",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/descendants",
            _related("descendants"),
            LINKS,
            says="all edges that it led to, the nearest first",
        ),
        endpoints.get(
            "/api/v1/edges/{edge_id}/path/{other_id}",
            _path,
            LINKS,
            says="the edges from one to another, both included; none where nothing led to both",
        ),
    ]


def _one(context: Context, question: Question) -> object:
    return find_edge(context, question.path["edge_id"])


def _related(relation: Relation) -> Work:
    def answer(context: Context, question: Question) -> object:
        over_links = flag(question, LINKS)
        return list_related(context, question.path["edge_id"], relation, over_links=over_links)

    return answer


def _path(context: Context, question: Question) -> object:
    one, other = question.path["edge_id"], question.path["other_id"]
    return list_path(context, one, other, over_links=flag(question, LINKS))


def _post_one(pipeline: Pipeline) -> Work:
    def post(context: Context, question: Question) -> object:
        edge = shaped(json_object(question.body), EdgeBody)
        posted = post_edges(context, pipeline, [msgspec.to_builtins(edge)])
        if posted.errors:
            raise InputError("cannot take the edge", why=posted.errors[0].error)
        return find_edge(context, posted.edge_ids[0])

    return post


def _post_many(pipeline: Pipeline) -> Work:
    def post(context: Context, question: Question) -> object:
        given = json_object(question.body)
        edges = given.get("edges")
        if not isinstance(edges, list) or len(given) > 1:
            raise InputError(
                "cannot find the edges",
                why='the body is {"edges": [...]} and nothing else',
                mend="put the edges into a list of that name",
            )
        return post_edges(context, pipeline, edges)

    return post


def _query(context: Context, question: Question) -> object:
    body = shaped(json_object(question.body), EdgeQueryBody)
    refuse_outside(("limit", body.limit, 1, QUERY_MOST))
    if not 0 <= body.start_timestamp_us < body.end_timestamp_us:
        raise InputError(
            "the time window is empty",
            why="end_timestamp_us is not after start_timestamp_us, or one is no time",
            mend="swap them",
        )
    asked = body.filter or EdgeFilter()
    query = SpanQuery(
        window=Window(since_us=body.start_timestamp_us, until_us=body.end_timestamp_us),
        tenant=asked.tenant_id,
        project="" if asked.project_id is None else str(asked.project_id),
        agent=_named(asked.agent_id),
        session=_named(asked.session_id),
        span_types=() if asked.span_type == "" else (str(asked.span_type),),
        without=("pii",) if asked.exclude_pii else (),
        min_confidence=asked.min_confidence,
    )
    found = find_spans(context, query, None, body.limit)
    edges = [edge_body(one.edge) for one in found.items]
    return {
        "items": edges,
        "edges": edges,
        "next": None,
        "total_count": len(edges),
        "has_more": found.next is not None,
    }


def _named(told: int | str) -> str:
    return "" if told in ("", 0) else str(told)
