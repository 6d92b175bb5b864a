"""Edges as JSON."""

from typing import Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.rest.edges import LINKS, EdgeFilter, EdgeQueryBody
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.rest.span_filters import flag
from flowtrace_mcp.services.bounds import refuse_outside
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.edge_bodies import EdgeBody
from flowtrace_mcp.services.edges import Relation, edge_body, find_edge, list_path, list_related
from flowtrace_mcp.services.find_spans import SpanQuery, find_spans
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.post_edges import post_edges

QUERY_MOST: Final = 10_000


def one(context: Context, question: Question) -> object:
    """Return an edge."""
    return find_edge(context, question.path["edge_id"])


def related(context: Context, question: Question, relation: Relation) -> object:
    """Return the edges that an edge is bound to."""
    over_links = flag(question, LINKS)
    return list_related(context, question.path["edge_id"], relation, over_links=over_links)


def path(context: Context, question: Question) -> object:
    """Return the edges from one to another."""
    first, last = question.path["edge_id"], question.path["other_id"]
    return list_path(context, first, last, over_links=flag(question, LINKS))


def post_one(context: Context, question: Question, pipeline: Pipeline) -> object:
    """Take an edge in, and return it as it is stored."""
    edge = shaped(json_object(question.body), EdgeBody)
    posted = post_edges(context, pipeline, [msgspec.to_builtins(edge)])
    if posted.errors:
        raise InputError("cannot take the edge", why=posted.errors[0].error)
    return find_edge(context, posted.edge_ids[0])


def post_many(context: Context, question: Question, pipeline: Pipeline) -> object:
    """Take edges in, and say what became of each."""
    given = json_object(question.body)
    edges = given.get("edges")
    if not isinstance(edges, list) or len(given) > 1:
        raise InputError(
            "cannot find the edges",
            why='the body is {"edges": [...]} and nothing else',
            mend="put the edges into a list of that name",
        )
    return post_edges(context, pipeline, edges)


def query(context: Context, question: Question) -> object:
    """Return the edges of a time."""
    body = shaped(json_object(question.body), EdgeQueryBody)
    refuse_outside(("limit", body.limit, 1, QUERY_MOST))
    if not 0 <= body.start_timestamp_us < body.end_timestamp_us:
        raise InputError(
            "the time window is empty",
            why="end_timestamp_us is not after start_timestamp_us, or one is no time",
            mend="swap them",
        )
    asked = body.filter or EdgeFilter()
    wanted = SpanQuery(
        window=Window(since_us=body.start_timestamp_us, until_us=body.end_timestamp_us),
        tenant=asked.tenant_id,
        project="" if asked.project_id is None else str(asked.project_id),
        agent=_named(asked.agent_id),
        session=_named(asked.session_id),
        span_types=() if asked.span_type == "" else (str(asked.span_type),),
        without=("pii",) if asked.exclude_pii else (),
        min_confidence=asked.min_confidence,
    )
    found = find_spans(context, wanted, None, body.limit)
    edges = [edge_body(each.edge) for each in found.items]
    return {
        "items": edges,
        "edges": edges,
        "next": None,
        "total_count": len(edges),
        "has_more": found.next is not None,
    }


def _named(told: int | str) -> str:
    return "" if told in ("", 0) else str(told)
