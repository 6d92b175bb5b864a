"""Our own tools told as spans in the file that they work on."""

from collections.abc import Sequence

from flowtrace_mcp.app import Application
from flowtrace_mcp.services.trace_reading import ReadSpan, read_trace
from flowtrace_mcp.storage.traces import Page
from tests.tools.conftest import Ask
from tests.waiting import wait_until

SPAN = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


def own_spans(program: Application) -> Sequence[ReadSpan]:
    context = program.context()
    rows = context.store.spans.list_traces(Page(limit=10))
    readings = [read_trace(context, row.trace_id) for row in rows]
    spans = [span for reading in readings if reading for span in reading.spans]
    return [span for span in spans if span.record.scope.name == "flowtrace.mcp"]


def test_a_call_through_the_protocol_becomes_two_spans(
    program: Application, ask: Ask, era: str
) -> None:
    ask("recall", era=era, meta={"traceparent": SPAN}, query="where do we deploy")
    wait_until(lambda: own_spans(program))

    call, work = own_spans(program)
    assert call.record.name == "tools/call recall"
    assert call.record.trace_id.hex() == "ab" * 16
    assert call.record.parent_span_id.hex() == "cd" * 8
    assert call.record.attributes["session.id"] == "s-1"
    assert call.record.attributes["network.transport"] == "pipe"
    assert call.record.attributes["mcp.protocol.version"]
    assert call.record.attributes["jsonrpc.request.id"]
    assert work.record.attributes["gen_ai.operation.name"] == "search_memory"
    assert work.record.attributes["gen_ai.memory.store.id"] == "shop"
    assert b"where do we deploy" not in call.record.raw + work.record.raw


def test_a_call_that_is_refused_is_a_failed_span(program: Application, ask: Ask) -> None:
    program.context()
    ask("recall", limit="many")
    wait_until(lambda: own_spans(program))

    (call,) = own_spans(program)
    assert call.record.status_message == "bad_input"
    assert call.facts.error_type == "tool_error"


def test_one_setting_turns_it_off(environ: dict[str, str], program: Application, ask: Ask) -> None:
    environ["FLOWTRACE_SELF_TRACES"] = "off"
    ask("remember", content="We deploy on Tuesdays")
    program.close()

    assert own_spans(program) == []


def test_telling_of_itself_is_not_told(program: Application, ask: Ask) -> None:
    ask("status")
    wait_until(lambda: own_spans(program))
    program.close()

    assert [span.record.name for span in own_spans(program)] == ["tools/call status"]
