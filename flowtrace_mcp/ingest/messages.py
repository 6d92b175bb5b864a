"""Messages to and from models in the shapes that senders give them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from flowtrace_mcp.model.span_facts import RequestedTool
from flowtrace_mcp.model.telemetry import Attributes, AttributeValue

_JSON_STARTS: Final = ("{", "[", '"')
_DEEPEST_KEY: Final = 12
_MOST_LAYERS: Final = 3  # JSON text inside JSON text
_REQUEST_TYPES: Final = ("tool_call", "tool-call", "tool_use", "function_call")


def from_json(value: AttributeValue) -> AttributeValue:
    """Return what JSON text stands for; any other value, and text that is none, as it is.

    Only objects, arrays and strings count as JSON: ``21`` and ``null`` may be plain words.
    """
    for _ in range(_MOST_LAYERS):
        if not isinstance(value, str) or not value.startswith(_JSON_STARTS):
            break
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            break
    return value


def indexed(attributes: Attributes, prefix: str) -> list[AttributeValue]:
    """Return the list that keys like ``prefix0.message.role`` spell out.

    Args:
        attributes: All attributes of a span.
        prefix: Where the list's keys begin, its dot included.

    Returns:
        The items by ascending index, wherever the sender starts to count.
    """
    tree: dict[str, Any] = {}
    for key, value in attributes.items():
        if not key.startswith(prefix):
            continue
        *path, last = key.removeprefix(prefix).split(".", _DEEPEST_KEY)
        node = tree
        for part in path:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        node.setdefault(last, value)
    items = _lists(tree)
    return items if isinstance(items, list) else []


def requested_tools(messages: AttributeValue) -> tuple[RequestedTool, ...]:
    """Return the tools that a model asks for in its output messages, in their order."""
    return tuple(tool for part in _parts(messages) if (tool := _requested_tool(part)) is not None)


def _lists(tree: Any) -> Any:
    """Return a tree with every mapping whose keys are all numbers as a list."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isascii() and key.isdigit() for key in tree):
        return [_lists(tree[key]) for key in sorted(tree, key=_index)]
    return {key: _lists(value) for key, value in tree.items()}


def _index(key: str) -> tuple[int, str]:
    return len(key.lstrip("0")), key.lstrip("0")


def _parts(messages: AttributeValue) -> Iterator[Mapping[str, Any]]:
    """Yield every mapping that may be a request for a tool."""
    listed = messages if isinstance(messages, list) else [messages]
    for message in listed:
        if not isinstance(message, Mapping):
            continue
        inner = message.get("message", message)
        if not isinstance(inner, Mapping):
            continue
        yield inner
        for name in ("parts", "content", "tool_calls", "toolCalls"):
            parts = from_json(inner.get(name))
            if isinstance(parts, Sequence) and not isinstance(parts, str | bytes):
                yield from (part for part in parts if isinstance(part, Mapping))


def _requested_tool(part: Mapping[str, Any]) -> RequestedTool | None:
    """Return the request that a part is, None when it is something else.

    The model APIs and conventions agree on a name, an id and arguments, and differ in what they
    call them and in what they wrap them: OpenInference ``tool_call``, Gemini ``functionCall``,
    OpenAI ``function``; Anthropic's ``input``, the AI SDK's ``toolName``.
    """
    call = part
    for wrapper in ("tool_call", "functionCall"):
        if isinstance(part.get(wrapper), Mapping):
            call = part[wrapper]
    function = call["function"] if isinstance(call.get("function"), Mapping) else call
    name = function.get("name", function.get("toolName"))
    arguments = _either(function, ("arguments", "args", "input"))
    is_request = arguments is not None or part.get("type") in _REQUEST_TYPES
    if not isinstance(name, str) or not is_request:
        return None
    call_id = _either(call, ("call_id", "toolCallId", "id"))
    return RequestedTool(
        name=name,
        call_id=call_id if isinstance(call_id, str) else "",
        arguments=from_json(arguments),
    )


def _either(mapping: Mapping[str, Any], keys: tuple[str, ...]) -> AttributeValue:
    value: AttributeValue = next((mapping[key] for key in keys if key in mapping), None)
    return value
