import pytest

from flowtrace_mcp.ingest.span_texts import texts_of
from flowtrace_mcp.model.span_facts import SpanTexts
from flowtrace_mcp.model.telemetry import (
    PayloadEncoding,
    Resource,
    Scope,
    SpanEvent,
    SpanExtras,
    SpanRecord,
)

USER = [{"role": "user", "content": "Weather?"}]
ANSWER = [{"role": "assistant", "content": "21C"}]


def texts(attributes, *events):
    record = SpanRecord(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"",
        name="work",
        kind=1,
        start_us=0,
        duration_us=0,
        status=0,
        status_message="",
        attributes=attributes,
        resource=Resource(),
        scope=Scope(),
        raw=b"",
        encoding=PayloadEncoding.PROTOBUF,
    )
    return texts_of(
        record,
        SpanExtras(
            events=tuple(SpanEvent(time_us=0, name=name, attributes=said) for name, said in events)
        ),
    )


CHAT = {"gen_ai.operation.name": "chat"}
TOOL = {"gen_ai.operation.name": "execute_tool"}


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai.input.messages": '[{"role": "user", "content": "Weather?"}]',
            "gen_ai.output.messages": '[{"role": "assistant", "content": "21C"}]',
        },
        {
            "gen_ai.input.messages": USER,
            "gen_ai.output.messages": ANSWER,
            "input.value": "less good",
        },
        {
            "gen_ai.prompt.0.role": "user",
            "gen_ai.prompt.0.content": "Weather?",
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": "21C",
        },
        {
            "langfuse.observation.input": '[{"role": "user", "content": "Weather?"}]',
            "langfuse.observation.output": '[{"role": "assistant", "content": "21C"}]',
        },
        {
            "ai.prompt.messages": '[{"role": "user", "content": "Weather?"}]',
            "ai.response.text": "21C",
            "ai.response.toolCalls": "",
        },
    ],
)
def test_messages_are_read_from_every_convention(attributes):
    read = texts(CHAT | attributes)
    assert (read.input_messages, read.output_messages) == (USER, ANSWER)


@pytest.mark.parametrize(
    "events",
    [
        [
            (
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": USER, "gen_ai.output.messages": ANSWER},
            )
        ],
        [
            ("gen_ai.content.prompt", {"gen_ai.prompt": '[{"role":"user","content":"Weather?"}]'}),
            ("gen_ai.content.completion", {"gen_ai.completion": ANSWER}),
        ],
    ],
)
def test_messages_may_come_in_span_events(events):
    read = texts(CHAT, *events)
    assert (read.input_messages, read.output_messages) == (USER, ANSWER)


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.tool.call.arguments": '{"city":"Paris"}', "gen_ai.tool.call.result": "21C"},
        {"gen_ai.tool.call.arguments": {"city": "Paris"}, "gen_ai.tool.call.result": '"21C"'},
        {"tool_arguments": '{"city":"Paris"}', "tool_response": "21C"},
        {
            "input.value": '{"city":"Paris"}',
            "output.value": "21C",
            "tool.parameters": '{"type": "object"}',
        },
        {"traceloop.entity.input": '{"city":"Paris"}', "traceloop.entity.output": '"21C"'},
        {"langfuse.observation.input": '{"city":"Paris"}', "langfuse.observation.output": '"21C"'},
        {"ai.toolCall.args": '{"city":"Paris"}', "ai.toolCall.result": '"21C"'},
    ],
)
def test_what_a_tool_was_given_and_gave_is_read_from_every_convention(attributes):
    read = texts(TOOL | attributes)
    assert (read.tool_arguments, read.tool_result) == ({"city": "Paris"}, "21C")
    assert read.input_messages is read.output_messages is None


def test_claude_code_tells_a_shell_command_and_its_output():
    read = texts(TOOL | {"full_command": "ls"}, ("tool.output", {"output": "a.txt"}))
    assert (read.tool_arguments, read.tool_result) == ({"command": "ls"}, "a.txt")


def test_another_tool_output_is_told_whole():
    read = texts(TOOL, ("tool.output", {"diff": "+a"}))
    assert read.tool_result == {"diff": "+a"}


@pytest.mark.parametrize(
    ("response", "result"),
    [
        ({"resultDisplay": "hi"}, "hi"),
        (
            {"responseParts": [{"functionResponse": {"response": {"output": "hi"}}}]},
            {"output": "hi"},
        ),
        ({"responseParts": [{"text": "?"}]}, None),
        ({}, None),
        ("gone", None),
    ],
)
def test_gemini_tells_a_tool_in_place_of_messages(response, result):
    read = texts(
        TOOL
        | {
            "gen_ai.input.messages": '{"name": "sh", "args": {"command": "ls"}}',
            "gen_ai.output.messages": {"status": "success", "response": response},
        }
    )
    assert read.tool_arguments == {"command": "ls"}
    assert read.tool_result == result


def test_requests_of_a_summing_parent_are_not_its_own():
    attributes = {"ai.response.toolCalls": '[{"toolCallId": "c", "toolName": "f", "input": {}}]'}
    call = {"ai.operationId": "ai.generateText.doGenerate"}
    assert [tool.name for tool in texts(call | attributes).requested_tools] == ["f"]
    assert texts({"ai.operationId": "ai.generateText"} | attributes).requested_tools == ()


def test_nothing_recorded_is_nothing_invented():
    assert texts(CHAT) == SpanTexts()
    assert texts(TOOL) == SpanTexts()
    assert texts({}) == SpanTexts()
