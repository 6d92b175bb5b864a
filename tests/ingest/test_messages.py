import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.ingest.messages import from_json, indexed, requested_tools
from flowtrace_mcp.model.span_facts import RequestedTool

WEATHER = RequestedTool(name="get_weather", call_id="c1", arguments={"city": "Paris"})
ARGUMENTS = '{"city": "Paris"}'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1]}', {"a": [1]}),
        ('"21C"', "21C"),
        ('"\\"21C\\""', "21C"),
        ("21", "21"),
        ("null", "null"),
        ("{broken", "{broken"),
        ("", ""),
        ("[" * 5000, "[" * 5000),
        ('{"a": 1} and more', '{"a": 1} and more'),
        (5, 5),
        (None, None),
    ],
)
def test_only_whole_objects_arrays_and_strings_are_json(text, value):
    assert from_json(text) == value


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(
            {"parts": [{"type": "tool_call", "name": "get_weather", "id": "c1", "arguments": a}]},
            id=f"opentelemetry-{type(a).__name__}",
        )
        for a in (ARGUMENTS, {"city": "Paris"})
    ]
    + [
        pytest.param(
            {
                "message": {
                    "tool_calls": [
                        {
                            "tool_call": {
                                "id": "c1",
                                "function": {"name": "get_weather", "arguments": ARGUMENTS},
                            }
                        }
                    ]
                }
            },
            id="openinference",
        ),
        pytest.param(
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "get_weather", "arguments": ARGUMENTS},
                    }
                ],
            },
            id="openai-chat",
        ),
        pytest.param(
            {
                "type": "function_call",
                "id": "fc1",
                "call_id": "c1",
                "name": "get_weather",
                "arguments": ARGUMENTS,
            },
            id="openai-responses",
        ),
        pytest.param(
            {
                "content": [
                    {"type": "text", "text": "Let me look."},
                    {
                        "type": "tool_use",
                        "id": "c1",
                        "name": "get_weather",
                        "input": {"city": "Paris"},
                    },
                ]
            },
            id="anthropic",
        ),
        pytest.param(
            {
                "role": "model",
                "parts": [
                    {
                        "functionCall": {
                            "name": "get_weather",
                            "id": "c1",
                            "args": {"city": "Paris"},
                        }
                    }
                ],
            },
            id="gemini",
        ),
        pytest.param(
            {
                "tool_calls": [
                    {"toolCallId": "c1", "toolName": "get_weather", "input": {"city": "Paris"}}
                ]
            },
            id="ai-sdk",
        ),
        pytest.param(
            {
                "content": json.dumps(
                    [
                        {
                            "type": "tool-call",
                            "toolCallId": "c1",
                            "toolName": "get_weather",
                            "args": ARGUMENTS,
                        }
                    ]
                )
            },
            id="ai-sdk-4",
        ),
        pytest.param(
            {"tool_calls": [{"id": "c1", "name": "get_weather", "arguments": ARGUMENTS}]},
            id="traceloop-indexed",
        ),
        pytest.param(
            {"tool_calls": [{"id": "c1", "name": "get_weather", "args": {"city": "Paris"}}]},
            id="langchain",
        ),
    ],
)
def test_a_tool_asked_for_is_read_in_every_shape(message):
    assert requested_tools([message]) == (WEATHER,)
    assert requested_tools(message) == (WEATHER,)


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "It is 21C in Paris.",
        [],
        [{"role": "assistant", "content": "It is 21C."}],
        [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "x"}]}],
        [{"message": "plain"}],
        [{"tool_calls": [None, {"function": {"arguments": "{}"}}]}],
        [5, "text", None],
    ],
)
def test_an_answer_without_requests_asks_for_no_tool(messages):
    assert requested_tools(messages) == ()


def test_tools_keep_the_order_in_which_they_were_asked_for():
    parts = [{"type": "tool_call", "name": name} for name in ("b", "a", "b")]
    assert [tool.name for tool in requested_tools([{"parts": parts}])] == ["b", "a", "b"]


@given(st.integers(0, 1), st.permutations(range(12)))
def test_indexed_keys_are_a_list_by_index_wherever_it_starts(first, order):
    attributes = {f"m.{first + i}.message.role": f"r{i}" for i in order}
    assert indexed(attributes, "m.") == [{"message": {"role": f"r{i}"}} for i in range(12)]


def test_indexed_keys_nest():
    attributes = {
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "f",
        "llm.output_messages.0.message.tool_calls.1.tool_call.function.name": "g",
        "llm.other": 1,
    }
    calls = [{"tool_call": {"function": {"name": name}}} for name in "fg"]
    assert indexed(attributes, "llm.output_messages.") == [
        {"message": {"role": "assistant", "tool_calls": calls}}
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"m.role": "user"},
        {"m.0": "plain", "m.0.role": "user"},
        {"m.0.role": "user", "m.0": "plain"},
        {"m." + "0." * 500 + "x": 1},
        {"m.99999999999999999999999999.a": 1, "m.007.a": 2},
        {"m.": 1},
    ],
)
def test_odd_keys_are_read_without_complaint(attributes):
    assert isinstance(indexed(attributes, "m."), list)
