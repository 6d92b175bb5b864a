"""What the log events of coding agents say: the call or tool they tell of, and what it cost."""

from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.ingest.conventions import concepts_of
from flowtrace_mcp.ingest.messages import from_json
from flowtrace_mcp.ingest.span_facts import amount, text
from flowtrace_mcp.ingest.token_counts import Counts, token_count, usage_of
from flowtrace_mcp.model.telemetry import Attributes, AttributeValue, LogRecord
from flowtrace_mcp.model.usage import TokenUsage

_MODEL: Final = ("model", "slug")
_TOOL_NAME: Final = ("tool_name", "function_name")
_ARGUMENTS: Final = ("tool_input", "arguments", "function_args", "tool_parameters")
_CACHE_READ: Final = ("cached_token_count", "cached_content_token_count")
_RESULT: Final = ("output", "tool_output")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFacts:
    """The meaning of one event; "" and None say that the sender is silent."""

    name: str = ""  # as sent: api_request, codex.tool_result, gemini_cli.api_response
    session: str = ""
    turn: str = ""
    model: str = ""
    usage: TokenUsage | None = None
    cost_usd: float | None = None
    cache_write_1h: int | None = None  # the part of the cache writes that is kept for an hour
    duration_us: int | None = None
    tool_call_id: str = ""
    tool_name: str = ""
    tool_arguments: AttributeValue = None  # parsed where it is JSON
    tool_result: AttributeValue = None


def event_facts_of(record: LogRecord) -> EventFacts:
    """Return what an event of Claude Code, Codex or Gemini CLI says."""
    attributes = record.attributes
    found = concepts_of(attributes)
    duration_ms = amount(attributes.get("duration_ms"))
    tool_call_id = text(found.get("tool_call_id"))
    tool_name = text(_first(attributes, _TOOL_NAME))
    is_of_tool = bool(tool_call_id or tool_name)
    return EventFacts(
        name=record.event_name,
        session=text(found.get("session")) or text(record.resource.attributes.get("session.id")),
        turn=text(found.get("turn")),
        model=text(found.get("response_model")) or text(_first(attributes, _MODEL)),
        usage=usage_of(found) or _usage_of_agents(attributes),
        cost_usd=amount(attributes.get("cost_usd")),
        cache_write_1h=token_count(found.get("cache_write_1h")),
        duration_us=None if duration_ms is None else int(duration_ms * 1000),
        tool_call_id=tool_call_id,
        tool_name=tool_name,
        tool_arguments=from_json(_first(attributes, _ARGUMENTS)) if is_of_tool else None,
        tool_result=_first(attributes, _RESULT) if is_of_tool else None,
    )


def _usage_of_agents(attributes: Attributes) -> TokenUsage | None:
    """Return the usage under the plain names of Codex and Gemini CLI.

    Their input includes what the cache gave. Gemini's thoughts stand beside its output.
    """
    output = token_count(attributes.get("output_token_count"))
    reasoning = token_count(attributes.get("reasoning_token_count"))
    thoughts = token_count(attributes.get("thoughts_token_count"))
    if thoughts is not None:
        output, reasoning = (output or 0) + thoughts, thoughts
    return Counts(
        input=token_count(attributes.get("input_token_count")),
        cache_read=token_count(_first(attributes, _CACHE_READ)),
        cache_write=token_count(attributes.get("cache_write_token_count")),
        output=output,
        reasoning=reasoning,
    ).usage()


def _first(attributes: Attributes, keys: tuple[str, ...]) -> AttributeValue:
    values = (attributes.get(key) for key in keys)
    return next((value for value in values if value not in (None, "")), None)
