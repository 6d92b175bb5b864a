"""A trace as JSON: what each part of a span becomes, and what events add to tools."""

import json

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.trace_bodies import trace_body, tree_body
from flowtrace_mcp.services.trace_reading import read_session, read_trace
from tests.services.conftest import START_US

TRACE_ID = "0102030405060708090a0b0c0d0e0f10"


def pairs(**attributes):
    return [
        {"key": key.replace("__", "."), "value": {"stringValue": value}}
        for key, value in attributes.items()
    ]


def span(number=1, **more):
    return {
        "traceId": TRACE_ID,
        "spanId": f"{number:016x}",
        "name": f"step {number}",
        "startTimeUnixNano": str((START_US + number) * 1000),
        "endTimeUnixNano": str((START_US + number + 10) * 1000),
        **more,
    }


@pytest.fixture
def pipeline(context, clock):
    return Pipeline(context.store, clock)


@pytest.fixture
def body(context, pipeline):
    """Store spans and return their trace as JSON would hold it."""

    def read(*spans, shape=trace_body):
        request = {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}
        pipeline.traces(json.dumps(request).encode(), PayloadEncoding.JSON)
        return shape(read_trace(context, bytes.fromhex(TRACE_ID)), "shop")

    return read


@pytest.fixture
def tell(pipeline):
    """Store log events of the trace."""

    def send(*events, trace_id=TRACE_ID):
        records = [
            {
                "timeUnixNano": str((START_US + number) * 1000),
                "traceId": trace_id,
                "eventName": name,
                "attributes": pairs(**attributes),
            }
            for number, (name, attributes) in enumerate(events)
        ]
        request = {"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}
        pipeline.logs(json.dumps(request).encode(), PayloadEncoding.JSON)

    return send


def tool_span(**more):
    attributes = {
        "gen_ai__operation__name": "execute_tool",
        "gen_ai__tool__name": "Bash",
        "gen_ai__tool__call__id": "call-1",
    }
    return span(attributes=pairs(**attributes | more))


def test_events_are_counted_and_links_shown(body):
    event = {"name": "seen", "timeUnixNano": str(START_US * 1000)}
    link = {"traceId": "ff" * 16, "spanId": "ee" * 8, "attributes": pairs(why="retry")}
    (shown,) = body(span(events=[event, event], links=[link]))["spans"]
    assert shown["events"] == 2
    assert shown["links"] == [
        {"trace_id": "ff" * 16, "span_id": "ee" * 8, "attributes": {"why": "retry"}}
    ]


def test_an_error_takes_type_and_message_from_the_exception_event(body):
    event = {
        "name": "exception",
        "attributes": pairs(exception__type="ValueError", exception__message="no"),
    }
    (shown,) = body(span(status={"code": 2}, events=[event]))["spans"]
    assert shown["error"] == {"type": "ValueError", "message": "no"}


def test_a_span_that_names_an_error_type_has_an_error_whatever_its_status(body):
    (shown,) = body(span(attributes=pairs(error__type="429")))["spans"]
    assert (shown["status"], shown["error"]) == ("unset", {"type": "429", "message": None})


def test_a_model_call_shows_the_tools_it_asks_for(body):
    messages = [
        {
            "role": "assistant",
            "parts": [
                {"type": "tool_call", "id": "call-1", "name": "Bash", "arguments": '{"a": 1}'}
            ],
        }
    ]
    attributes = {
        "gen_ai__operation__name": "chat",
        "gen_ai__output__messages": json.dumps(messages),
    }
    (shown,) = body(span(attributes=pairs(**attributes)))["spans"]
    assert shown["requested_tools"] == [
        {"name": "Bash", "call_id": "call-1", "arguments": {"a": 1}}
    ]
    assert shown["tool"] is None


def test_a_call_inside_another_is_marked_as_the_one_that_does_not_count(body):
    call = {
        "gen_ai__operation__name": "chat",
        "gen_ai__response__id": "r-1",
        "gen_ai__usage__input_tokens": "5",
    }
    inner = span(2, parentSpanId=f"{1:016x}", attributes=pairs(**call))
    shown = body(span(1, attributes=pairs(**call)), inner)
    assert [one["aggregate"] for one in shown["spans"]] == [True, False]
    assert shown["totals"]["tokens"]["input"] == 5


def test_an_event_gives_a_tool_what_its_span_keeps_to_itself(body, tell):
    tell(
        ("codex.tool_result", {"call_id": "call-1", "arguments": '{"cmd": "ls"}', "output": "a b"})
    )
    tool = body(tool_span())["spans"][0]["tool"]
    assert (tool["arguments"], tool["result"]) == ({"cmd": "ls"}, "a b")


def test_an_event_that_says_more_completes_the_arguments(body, tell):
    told = {"command": "ls", "description": "List"}
    tell(
        ("tool_decision", {"tool_use_id": "call-1", "tool_parameters": '{"other": 1}'}),
        ("tool_result", {"tool_use_id": "call-1", "tool_input": json.dumps(told)}),
    )
    own = {"gen_ai__tool__call__arguments": '{"command": "ls"}'}
    assert body(tool_span(**own))["spans"][0]["tool"]["arguments"] == told


@pytest.mark.parametrize(
    ("own", "told"), [('{"command": "ls"}', '{"command": "rm"}'), ('"text"', '{"a": 1}')]
)
def test_an_event_that_says_otherwise_changes_nothing(body, tell, own, told):
    tell(("tool_result", {"tool_use_id": "call-1", "tool_input": told, "output": "event"}))
    arguments = {"gen_ai__tool__call__arguments": own, "gen_ai__tool__call__result": "span"}
    tool = body(tool_span(**arguments))["spans"][0]["tool"]
    assert (tool["arguments"], tool["result"]) == (json.loads(own), "span")


def test_an_event_of_another_call_trace_or_name_changes_nothing(body, tell):
    result = {"call_id": "call-1", "arguments": '{"cmd": "ls"}'}
    tell(("codex.tool_result", result | {"call_id": "call-2"}), ("codex.other", result))
    tell(("codex.tool_result", result), trace_id="ff" * 8 + TRACE_ID[16:])
    assert body(tool_span())["spans"][0]["tool"]["arguments"] is None


def test_a_span_that_only_names_a_tool_has_no_arguments(body):
    (shown,) = body(span(attributes=pairs(gen_ai__tool__name="Bash")))["spans"]
    assert shown["tool"] is None


def test_spans_that_are_parents_of_one_another_are_all_in_the_tree(body):
    tree = body(
        span(1, parentSpanId=f"{2:016x}"), span(2, parentSpanId=f"{1:016x}"), shape=tree_body
    )
    assert [(one["span_id"], one["depth"]) for one in tree["spans"]] == [
        (f"{1:016x}", 0),
        (f"{2:016x}", 1),
    ]


def test_a_chain_deeper_than_json_readers_go_is_a_flat_list(body):
    count = 1200
    chain = [span(1), *(span(n, parentSpanId=f"{n - 1:016x}") for n in range(2, count + 1))]
    tree = body(*chain, shape=tree_body)
    assert [one["depth"] for one in tree["spans"]] == list(range(count))
    assert json.loads(json.dumps(tree["spans"][-1]))["children"] == []


def test_a_session_that_no_span_names_is_none(context):
    assert read_session(context, "nobody") is None
