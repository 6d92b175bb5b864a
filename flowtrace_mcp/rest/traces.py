"""Traces as JSON: the list, one with its spans, one as a tree, and spans posted as JSON."""

from collections.abc import Callable
from typing import Final

import msgspec

from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, parse_id
from flowtrace_mcp.rest.answers import to_json
from flowtrace_mcp.rest.declared import LISTING, PROJECT, SESSION, DeclaredRoute
from flowtrace_mcp.rest.endpoints import Endpoints, Work
from flowtrace_mcp.rest.late import late
from flowtrace_mcp.rest.questions import Question, cursor_key, cursor_of, json_object
from flowtrace_mcp.rest.recent_answers import RecentAnswers
from flowtrace_mcp.rest.span_filters import FILTERS, is_filtered
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.list_traces import TraceFilter, list_traces
from flowtrace_mcp.services.listing import project_names
from flowtrace_mcp.services.post_spans import SpansBody, post_spans
from flowtrace_mcp.services.trace_bodies import Body, trace_body, tree_body
from flowtrace_mcp.services.trace_reading import TraceReading, reading_of
from flowtrace_mcp.services.trace_shapes import (
    attributes_body,
    children_body,
    graph_body,
    observations_body,
)
from flowtrace_mcp.services.waterfall import span_detail, waterfall_body

# Some 800 traces of 50 spans; who watches a trace asks for it again and again.
ANSWERS_BYTES: Final = 32 * 1024 * 1024
_LIST_FOUND: Final = late("span_answers", "list_traces_found")


def trace_routes(endpoints: Endpoints, pipeline: Pipeline) -> list[DeclaredRoute]:
    """Return the routes of traces and spans."""
    answers = RecentAnswers(ANSWERS_BYTES)
    return [
        endpoints.get(
            "/api/v1/traces",
            _list,
            SESSION,
            PROJECT,
            *FILTERS,
            *LISTING,
            says="traces, newest first; with a filter those in which a span fits it",
        ),
        endpoints.post(
            "/api/v1/traces",
            _poster(pipeline),
            status=201,
            bodies=(SpansBody,),
            body='`{"spans": [...]}`, see below',
            says='`{"accepted", "rejected", "errors"}`, see below',
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}",
            _one(trace_body, answers),
            says="a trace with its spans, see below",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/tree",
            _one(tree_body, answers),
            says="the same as a tree, see below",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/observations",
            _one(observations_body, answers),
            says="its spans as observations with their texts; also under the key `observations`",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/graph",
            _one(graph_body, answers),
            says="its spans as `nodes`, parents and links as `edges`",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/children",
            _one(children_body, answers),
            says="the spans right below its roots; also under the key `children`",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/attributes",
            _one(attributes_body, answers),
            says="`attributes` of its earliest root and of the `resource`, as they were sent",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/waterfall",
            _one(waterfall_body, answers),
            says="its spans as equally long `columns`, see below",
        ),
        endpoints.get(
            "/api/v1/traces/{trace_id}/spans/{span_id}",
            _span,
            says="one span with its texts, `attributes`, `resource` and `span_events`",
        ),
    ]


def _list(context: Context, question: Question) -> object:
    if is_filtered(question):
        return _LIST_FOUND(context, question)
    wanted = TraceFilter(
        session=question.text(SESSION),
        project=question.text(PROJECT),
        window=question.window,
    )
    key = cursor_key("traces", wanted)
    found = list_traces(context, wanted, question.position(key), question.limit)
    items = msgspec.Raw(to_json(found.items))
    return {"items": items, "traces": items, "next": cursor_of(found.next, key)}


def _poster(pipeline: Pipeline) -> Work:
    def post(context: Context, question: Question) -> object:
        del context
        return post_spans(pipeline, json_object(question.body))

    return post


def _one(shape: Callable[[TraceReading, str], Body], answers: RecentAnswers) -> Work:
    def answer(context: Context, question: Question) -> object:
        trace_id = question.trace_id(question.path["trace_id"])
        context.prices.refresh()
        prices = context.prices.version
        body: bytes | None = None

        def is_answered(version: bytes) -> bool:
            nonlocal body
            body = answers.find((shape.__name__, trace_id, version, prices))
            return body is not None

        stored = context.store.spans.read_trace(trace_id, is_answered)
        if stored is None:
            raise _no_trace(trace_id)
        if body is None:
            reading = reading_of(context, trace_id, stored.spans)
            project = project_names(context).get(reading.project_id, "")
            body = to_json(shape(reading, project))
            answers.keep((shape.__name__, trace_id, stored.version, prices), body)
        return msgspec.Raw(body)

    return answer


def _span(context: Context, question: Question) -> object:
    trace_id = question.trace_id(question.path["trace_id"])
    span_id = parse_id(question.path["span_id"], SPAN_ID_BYTES, name="span_id")
    context.prices.refresh()
    found = span_detail(context, trace_id, span_id)
    if found is None:
        raise NotFoundError(
            f"no span {span_id.hex()} in this trace",
            why="it is not stored, or of another trace",
            mend="copy the ids from GET /api/v1/traces/{trace_id}",
        )
    return found


def _no_trace(trace_id: bytes) -> NotFoundError:
    return NotFoundError(
        f"no trace {trace_id.hex()}",
        why="no span of it is stored",
        mend="copy the id from GET /api/v1/traces",
    )
