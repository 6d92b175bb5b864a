"""Calls of our own tools as spans, and where they stand once their agent has told of them."""

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.own_calls import WAIT_LIMIT_US, OwnCalls
from flowtrace_mcp.services.self_traces import ToolRun
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk
from flowtrace_mcp.services.trace_reading import read_session, read_trace
from flowtrace_mcp.storage.traces import Page
from tests.services.conftest import START_US

TRACE = bytes(range(1, 17))
INTERACTION, MODEL, TOOL = (bytes([1] * 7 + [number]) for number in range(3))
CALL = "toolu_01AbCdEfGhIjKlMnOpQrStUv"
START_NS = START_US * 1000
SECOND_NS = 1_000_000_000


def run(**more):
    told = {
        "tool": "remember",
        "start_ns": START_NS + SECOND_NS,
        "end_ns": START_NS + 2 * SECOND_NS,
        "arguments": {"content": "We deploy on Tuesdays"},
        "answer": {"id": "abcdefghij", "outcome": "new"},
        "work_ns": (START_NS + SECOND_NS + 1000, START_NS + 2 * SECOND_NS - 1000),
        "session": "s-1",
        "is_agent_session": True,
        "agent": "claude-code",
        "store": "shop",
        "tool_call_id": CALL,
        "request_id": "7",
        "protocol": "2026-07-28",
    }
    return ToolRun(**told | more)


def claude_prompt(session="s-1", call=CALL):
    """Return what Claude Code exports of one prompt that called our tool."""
    request = ExportTraceServiceRequest()
    sender = request.resource_spans.add()
    sender.resource.attributes.add(key="service.name").value.string_value = "claude-code"
    scope = sender.scope_spans.add()
    scope.scope.name = "com.anthropic.claude_code.tracing"
    shape = {
        INTERACTION: ("claude_code.interaction", b"", {"gen_ai.operation.name": "invoke_agent"}),
        MODEL: ("claude_code.llm_request", INTERACTION, {"span.type": "llm_request"}),
        TOOL: (
            "claude_code.tool",
            INTERACTION,
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "remember",
                "tool_name": "mcp__flowtrace__remember",
                "gen_ai.tool.call.id": call,
            },
        ),
    }
    for span_id, (name, parent, attributes) in shape.items():
        span = scope.spans.add(
            trace_id=TRACE,
            span_id=span_id,
            parent_span_id=parent,
            name=name,
            start_time_unix_nano=START_NS,
            end_time_unix_nano=START_NS + 3 * SECOND_NS,
        )
        for key, value in {**attributes, "session.id": session}.items():
            span.attributes.add(key=key).value.string_value = value
    return request.SerializeToString()


def export(context, **more):
    pipeline = Pipeline(context.store, context.now_us)
    pipeline.traces(claude_prompt(**more), PayloadEncoding.PROTOBUF)


def all_traces(context):
    return [row.trace_id for row in context.store.spans.list_traces(Page(limit=10))]


def own_spans(context, trace_id):
    reading = read_trace(context, trace_id)
    return [span for span in reading.spans if span.record.scope.name == "flowtrace.mcp"]


def names(context, trace_id):
    return sorted(span.record.name for span in read_trace(context, trace_id).spans)


def test_a_call_is_a_server_span_with_the_memory_operation_below_it(make_context):
    context = make_context()
    OwnCalls(context).tell([run()])

    (trace_id,) = all_traces(context)
    call, work = own_spans(context, trace_id)
    assert (call.record.name, call.record.kind) == ("tools/call remember", 2)
    assert call.record.duration_us == 1_000_000
    assert (
        call.record.attributes.items()
        >= {
            "mcp.method.name": "tools/call",
            "mcp.protocol.version": "2026-07-28",
            "jsonrpc.request.id": "7",
            "network.transport": "pipe",
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "remember",
            "gen_ai.tool.call.id": CALL,
            "session.id": "s-1",
        }.items()
    )
    assert (work.record.name, work.record.kind) == ("upsert_memory", 1)
    assert work.record.parent_span_id == call.record.span_id
    assert (
        work.record.attributes.items()
        >= {
            "gen_ai.operation.name": "upsert_memory",
            "gen_ai.memory.store.id": "shop",
            "gen_ai.memory.record.id": "abcdefghij",
        }.items()
    )
    assert read_trace(context, trace_id).service == "flowtrace-mcp"


def test_texts_stay_out_unless_the_setting_lets_them_in(make_context):
    secret = {"query": "the key AKIAIOSFODNN7EXAMPLE of staging"}
    answer = {"memories": [{"id": "abcdefghij", "text": "staging runs Postgres"}]}
    recall = run(tool="recall", arguments=secret, answer=answer, tool_call_id="")

    without = make_context()
    OwnCalls(without).tell([recall])
    _, work = own_spans(without, all_traces(without)[0])
    assert work.record.attributes["gen_ai.memory.record.count"] == 1
    assert b"staging" not in b"".join(
        span.record.raw for span in own_spans(without, all_traces(without)[0])
    )

    with_texts = make_context(FLOWTRACE_SELF_TRACES="content")
    OwnCalls(with_texts).tell([recall])
    call, work = own_spans(with_texts, all_traces(with_texts)[0])
    assert "of staging" in work.record.attributes["gen_ai.memory.query.text"]
    assert "staging runs Postgres" in work.record.attributes["gen_ai.memory.records"]
    assert "of staging" in call.record.attributes["gen_ai.tool.call.arguments"]
    assert b"AKIAIOSFODNN7EXAMPLE" not in call.record.raw + work.record.raw


def test_a_failed_call_says_what_kind_of_failure_it_was(make_context):
    context = make_context()
    OwnCalls(context).tell([run(answer=None, error_code="bad_input", work_ns=None)])

    (call,) = own_spans(context, all_traces(context)[0])
    assert call.record.attributes["error.type"] == "tool_error"
    assert (call.record.status, call.record.status_message) == (2, "bad_input")


def test_a_call_with_a_traceparent_stands_below_the_span_that_it_names(make_context):
    context = make_context()
    OwnCalls(context).tell([run(tool_call_id="", trace_id=TRACE, span_id=TOOL)])

    assert all_traces(context) == [TRACE]
    assert own_spans(context, TRACE)[0].record.parent_span_id == TOOL


def test_a_call_moves_below_its_agents_span_when_that_comes_later(make_context):
    context = make_context()
    OwnCalls(context).tell([run()])
    assert len(all_traces(context)) == 1

    export(context)
    joined = OwnCalls(context).join_waiting()  # another process may do it

    assert joined == 1
    assert all_traces(context) == [TRACE]
    assert names(context, TRACE) == [
        "claude_code.interaction",
        "claude_code.llm_request",
        "claude_code.tool",
        "tools/call remember",
        "upsert_memory",
    ]
    assert own_spans(context, TRACE)[0].record.parent_span_id == TOOL
    assert OwnCalls(context).join_waiting() == 0


def test_a_call_whose_agent_has_told_already_is_put_there_at_once(make_context):
    context = make_context()
    export(context)
    OwnCalls(context).tell([run()])

    assert all_traces(context) == [TRACE]
    assert own_spans(context, TRACE)[0].record.parent_span_id == TOOL
    assert context.store.own_calls.list_waiting() == []


def test_one_call_counts_once_in_the_trace_and_in_the_lists(make_context):
    context = make_context()
    OwnCalls(context).tell([run()])
    before = context.store.spans.find_session("s-1").measures.tool_call_count
    export(context)
    OwnCalls(context).join_waiting()

    (row,) = context.store.spans.list_traces(Page(limit=10))
    assert before == 1
    assert row.measures.tool_call_count == 1
    assert context.store.spans.find_session("s-1").measures.tool_call_count == 1
    assert read_session(context, "s-1").traces[0].totals.tool_calls == 1


def test_a_call_follows_its_agent_into_the_session_that_a_clear_began(make_context):
    context = make_context()
    OwnCalls(context).tell([run(session="before the clear")])
    export(context, session="after the clear")
    OwnCalls(context).join_waiting()

    assert all_traces(context) == [TRACE]
    assert {span.facts.session for span in own_spans(context, TRACE)} == {"after the clear"}
    assert context.store.spans.find_session("before the clear") is None


def hook(context, call=CALL):
    body = (
        '{"session_id":"s-1","cwd":"/","hook_event_name":"PostToolUse","prompt_id":"p-1",'
        f'"tool_name":"mcp__flowtrace__remember","tool_input":{{}},"tool_use_id":"{call}",'
        '"tool_response":"done","duration_ms":900}'
    )
    delivery = HookDelivery(
        agent="claude-code", body=body.encode(), time_us=START_US + 2_000_000, folder=""
    )
    HookDesk(context).take(delivery)


def test_a_call_stands_below_the_hooks_span_until_telemetry_tells_it(make_context):
    context = make_context()
    calls = OwnCalls(context)
    calls.tell([run()])
    hook(context)
    assert calls.join_waiting() == 1
    (of_hooks,) = all_traces(context)
    assert names(context, of_hooks) == [
        "execute_tool mcp__flowtrace__remember",
        "tools/call remember",
        "upsert_memory",
    ]

    export(context)
    assert calls.join_waiting() == 1
    assert all_traces(context) == [TRACE]
    assert len(own_spans(context, TRACE)) == 2


def test_an_agent_that_names_no_call_is_found_by_the_tool_and_the_time(make_context):
    context = make_context()
    export(context, call="call-x")
    later = {"start_ns": START_NS + 60 * SECOND_NS, "end_ns": START_NS + 61 * SECOND_NS}
    OwnCalls(context).tell(
        [run(tool_call_id="", work_ns=None), run(tool_call_id="", work_ns=None, **later)]
    )

    assert len(own_spans(context, TRACE)) == 1
    assert len(all_traces(context)) == 2


def test_a_call_of_a_session_that_no_agent_named_waits_for_nobody(make_context):
    context = make_context()
    OwnCalls(context).tell([run(tool_call_id="", is_agent_session=False)])

    assert context.store.own_calls.list_waiting() == []
    assert len(all_traces(context)) == 1


def test_a_call_that_nobody_tells_stays_where_it_is(make_context, clock):
    context = make_context()
    calls = OwnCalls(context)
    calls.tell([run()])
    clock.now_us += WAIT_LIMIT_US + 10_000_000

    assert calls.join_waiting() == 0
    assert context.store.own_calls.list_waiting() == []
    assert len(all_traces(context)) == 1


def test_what_is_put_twice_is_there_once(make_context):
    context = make_context()
    calls = OwnCalls(context)
    calls.tell([run()])
    waiting = context.store.own_calls.list_waiting()
    export(context)
    calls.join_waiting()
    context.store.own_calls.insert_waiting(waiting)  # as if the process had ended in between

    assert calls.join_waiting() == 1
    assert len(own_spans(context, TRACE)) == 2
