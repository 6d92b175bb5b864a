"""The long texts of a span, read when somebody looks at it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flowtrace_mcp.ingest.conventions import (
    INPUT_MESSAGES,
    MODEL_CALLS,
    OUTPUT_MESSAGES,
    SYSTEM_INSTRUCTIONS,
    TOOL_ARGUMENTS,
    TOOL_RESULT,
)
from flowtrace_mcp.ingest.messages import from_json, indexed, requested_tools
from flowtrace_mcp.ingest.span_facts import facts_of
from flowtrace_mcp.model.span_facts import RequestedTool, SpanTexts
from flowtrace_mcp.model.telemetry import (
    Attributes,
    AttributeValue,
    SpanExtras,
    SpanRecord,
)

# Span events that carry messages as attributes: OpenTelemetry's current one and two old ones.
_CONTENT_EVENTS: Final = frozenset(
    (
        "gen_ai.client.inference.operation.details",
        "gen_ai.content.prompt",
        "gen_ai.content.completion",
    )
)
_TOOL_OUTPUT_EVENT: Final = "tool.output"  # Claude Code
# What the AI SDK's answer is made of, when it spells it out.
_AI_SDK_ANSWER: Final = {
    "ai.response.reasoning": "reasoning",
    "ai.response.text": "content",
    "ai.response.object": "object",
    "ai.response.toolCalls": "tool_calls",
}


def texts_of(record: SpanRecord, extras: SpanExtras) -> SpanTexts:
    """Return messages, instructions, tool arguments and results; None = not recorded."""
    operation = facts_of(record).operation
    if operation == "execute_tool":
        return tool_texts_of(record, extras)
    attributes = _with_content_events(record.attributes, extras)
    output = _output(attributes)
    return SpanTexts(
        input_messages=_first(attributes, INPUT_MESSAGES),
        output_messages=output,
        system_instructions=_first(attributes, SYSTEM_INSTRUCTIONS),
        requested_tools=requested_tools(output) if operation in MODEL_CALLS else (),
    )


def tool_texts_of(record: SpanRecord, extras: SpanExtras) -> SpanTexts:
    """Return the arguments and the result of the execution of a tool."""
    return SpanTexts(
        tool_arguments=_tool_arguments(record.attributes),
        tool_result=_tool_result(record.attributes, extras),
    )


def requested_tools_of(record: SpanRecord, extras: SpanExtras) -> tuple[RequestedTool, ...]:
    """Return the tools that a model asked for, its messages being read for that alone."""
    return requested_tools(_output(_with_content_events(record.attributes, extras)))


def _output(attributes: Attributes) -> AttributeValue:
    return _first(attributes, OUTPUT_MESSAGES) or _ai_sdk_answer(attributes)


def _first(attributes: Attributes, keys: tuple[str, ...]) -> AttributeValue:
    """Return the first value there is, parsed where it is JSON."""
    for key in keys:
        value = indexed(attributes, key) if key.endswith(".") else attributes.get(key)
        if value not in (None, "", []):
            return from_json(value)
    return None


def _with_content_events(attributes: Attributes, extras: SpanExtras) -> Attributes:
    """Return the attributes plus what content events add to them."""
    for event in extras.events:
        if event.name in _CONTENT_EVENTS:
            attributes = {**event.attributes, **attributes}
    return attributes


def _ai_sdk_answer(attributes: Attributes) -> AttributeValue:
    message: dict[str, AttributeValue] = {
        name: from_json(attributes[key])
        for key, name in _AI_SDK_ANSWER.items()
        if attributes.get(key) not in (None, "")
    }
    return [{"role": "assistant", **message}] if message else None


def _tool_arguments(attributes: Attributes) -> AttributeValue:
    arguments = _first(attributes, TOOL_ARGUMENTS)
    if arguments is None and "full_command" in attributes:  # Claude Code's shell tool
        return {"command": attributes["full_command"]}
    if arguments is None:
        # Gemini CLI puts its own record of the call where messages belong.
        call = from_json(attributes.get("gen_ai.input.messages"))
        arguments = call.get("args") if isinstance(call, Mapping) else None
    return arguments


def _tool_result(attributes: Attributes, extras: SpanExtras) -> AttributeValue:
    result = _first(attributes, TOOL_RESULT)
    if result is not None:
        return result
    for event in extras.events:
        if event.name == _TOOL_OUTPUT_EVENT:
            return event.attributes.get("output", dict(event.attributes))
    return _gemini_result(from_json(attributes.get("gen_ai.output.messages")))


def _gemini_result(call: AttributeValue) -> AttributeValue:
    """Return what Gemini CLI's record of a finished call shows, else what the model was given."""
    response = call.get("response") if isinstance(call, Mapping) else None
    if not isinstance(response, Mapping):
        return None
    shown = response.get("resultDisplay")
    if isinstance(shown, str) and shown:
        return shown
    parts = response.get("responseParts")
    return _function_responses(parts) if isinstance(parts, Sequence) else None


def _function_responses(parts: Sequence[Any]) -> AttributeValue:
    given = [
        part["functionResponse"].get("response")
        for part in parts
        if isinstance(part, Mapping) and isinstance(part.get("functionResponse"), Mapping)
    ]
    return given[0] if len(given) == 1 else given or None
