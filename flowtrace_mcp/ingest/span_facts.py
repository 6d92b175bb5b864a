"""What a span means: the one reading of all conventions, ``conventions.py`` being its table."""

import math
import re
from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.conventions import (
    MODEL_CALLS,
    OPERATIONS,
    Concept,
    Found,
    concepts_of,
    provider_name,
)
from flowtrace_mcp.ingest.span_extras import span_extras
from flowtrace_mcp.ingest.token_counts import (
    parsed_object,
    summed_usage_of,
    token_count,
    usage_of,
)
from flowtrace_mcp.model.edge import SPAN_TYPES, SpanStatus, SpanType
from flowtrace_mcp.model.own_call import TOLD_BY_ATTRIBUTE
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.telemetry import AttributeValue, SpanRecord
from flowtrace_mcp.model.times import parse_time_us

_TYPES: Final = {
    "chat": SpanType.GENERATION,
    "generate_content": SpanType.GENERATION,
    "text_completion": SpanType.GENERATION,
    "embeddings": SpanType.EMBEDDING,
    "execute_tool": SpanType.TOOL_CALL,
    "retrieval": SpanType.RETRIEVAL,
    "search_memory": SpanType.RETRIEVAL,
    "rerank": SpanType.RERANKING,
    "plan": SpanType.PLANNING,
    "create_memory": SpanType.DATABASE,
    "update_memory": SpanType.DATABASE,
    "upsert_memory": SpanType.DATABASE,
    "delete_memory": SpanType.DATABASE,
    "invoke_agent": SpanType.FUNCTION,
    "invoke_workflow": SpanType.FUNCTION,
    "create_agent": SpanType.FUNCTION,
}
# Concepts whose text is a fact as it stands.
_TEXTS: Final[dict[Concept, str]] = {
    "response_id": "response_id",
    "request_model": "request_model",
    "response_model": "model",
    "session": "session",
    "turn": "turn",
    "user": "user",
    "agent": "agent",
    "display": "display",
    "tool_call_id": "tool_call_id",
    "prompt_version": "prompt_version",
    "error_type": "error_type",
    "service_tier": "service_tier",
}
_INTERNAL_KINDS: Final = (0, 1)

# A copy of the request below LiteLLM's own span of the same call.
_COPIES: Final = frozenset(("raw_gen_ai_request",))
_CODING_AGENTS: Final = ("com.anthropic.claude_code", "codex")  # how their scopes begin
# Codex exports what its logging library traces, hundreds of spans a turn; these few tell the turn.
_CODEX_TELLING: Final = frozenset(
    ("session_task.turn", "codex.sampling", "build_tool_call", "stream_request")
)
_FIRST_TOKEN_EVENT: Final = "First Token Stream Event"  # noqa: S105 - a name of OpenInference
# Names that the conventions for GenAI and MCP form from a word and the tool's name.
_TOOL_SPAN_NAME: Final = re.compile(r"(?:execute_tool|tools/call) (?P<tool>.+)")
_MCP_TOOL_NAME: Final = re.compile(r"mcp__(?P<server>.+?)__.+")


def facts_of(record: SpanRecord) -> SpanFacts:
    """Return what a span means; what its sender does not say is "" or None."""
    found = concepts_of(record.attributes)
    facts = SpanFacts()
    if found:
        for concept, value in found.items():
            if concept in _TEXTS:
                setattr(facts, _TEXTS[concept], value if isinstance(value, str) else text(value))
        if record.name not in _COPIES:
            _set_work(facts, found, record)
        _set_model(facts, found)
        _set_who(facts, found, record)
        if facts.operation == "execute_tool":
            _set_tool(facts, found, record)
        elif facts.operation in MODEL_CALLS:
            _set_first_token(facts, found, record)
    if not facts.session and "session.id" in record.resource.attributes:
        facts.session = text(record.resource.attributes["session.id"])
    if record.scope.name.startswith(_CODING_AGENTS):
        _set_coding_agent(facts, found, record)
    facts.span_type = _span_type(facts.operation, found, record)
    if record.status == SpanStatus.ERROR or "error_type" in found:
        _set_error(facts, found, record)
    return facts


def text(value: AttributeValue) -> str:
    """Return a name or id sent as text or as a number; "" for anything else."""
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def amount(value: AttributeValue) -> float | None:
    """Return a sum of money or a time sent as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _set_work(facts: SpanFacts, found: Found, record: SpanRecord) -> None:
    """Set the operation and what it used."""
    facts.usage = usage_of(found)
    facts.operation = _operation(facts, found, record)
    if facts.usage is None and "sum_input" in found:
        facts.usage = summed_usage_of(found)
        facts.operation = facts.operation or "invoke_agent"
    facts.is_aggregate = facts.usage is not None and facts.operation not in MODEL_CALLS
    facts.cost_usd = _cost(found)
    if "cache_write_1h" in found:
        facts.cache_write_1h = token_count(found["cache_write_1h"])


def _operation(facts: SpanFacts, found: Found, record: SpanRecord) -> str:
    word = found.get("kind")
    if isinstance(word, str):
        operation = OPERATIONS.get(word) or OPERATIONS.get(word.lower(), "")
        if not operation and record.attributes.get("gen_ai.operation.name") == word:
            return word  # GenAI's own vocabulary grows: a word that is new to us is kept
        return operation
    if "agent_tool" in found and "tool_call_id" in found:
        return "execute_tool"
    return "chat" if facts.usage else ""


def _cost(found: Found) -> float | None:
    total = amount(found["cost"]) if "cost" in found else None
    if total is None and "cost_object" in found:
        costs = parsed_object(found["cost_object"])
        total = amount(costs.get("total"))
        if total is None and costs:
            total = sum(amount(cost) or 0 for cost in costs.values())
    if total is None and ("input_cost" in found or "output_cost" in found):
        total = (amount(found.get("input_cost")) or 0) + (amount(found.get("output_cost")) or 0)
    return total


def _set_model(facts: SpanFacts, found: Found) -> None:
    if not facts.request_model and "invocation" in found:
        request = parsed_object(found["invocation"])
        facts.request_model = text(request.get("model") or request.get("model_name"))
    facts.model = facts.model or facts.request_model
    if "provider" in found:
        facts.provider = provider_name(text(found["provider"]))
    if "prompt_name" in found:
        name = text(found["prompt_name"])
        version = facts.prompt_version
        facts.prompt_version = f"{name}@{version}" if version else name


def _set_who(facts: SpanFacts, found: Found, record: SpanRecord) -> None:
    if not facts.session and "metadata" in found:
        facts.session = text(parsed_object(found["metadata"]).get("session_id"))
    if not facts.agent and facts.operation == "invoke_agent":
        facts.agent = text(found.get("agent_node")) or text(found.get("entity"))
        if not facts.agent and "langfuse.observation.type" in record.attributes:
            facts.agent = record.name
    if not facts.display and "entity" in found:
        facts.display = text(found["entity"])


def _set_tool(facts: SpanFacts, found: Found, record: SpanRecord) -> None:
    sent_name = text(found.get("agent_tool"))
    name = text(found.get("tool")) or sent_name or text(found.get("entity"))
    if not name:
        formed = _TOOL_SPAN_NAME.fullmatch(record.name)
        name = formed["tool"] if formed else record.name
    facts.tool_name = name
    facts.tool_server = text(found.get("tool_server"))
    if not facts.tool_server and (of_server := _MCP_TOOL_NAME.fullmatch(sent_name or name)):
        facts.tool_server = of_server["server"]
    if not facts.display and name not in record.name:
        facts.display = name


def _set_coding_agent(facts: SpanFacts, found: Found, record: SpanRecord) -> None:
    """Set what the coding agents that use no convention for it say in their own way."""
    facts.agent = facts.agent or record.resource.service_name
    if "thread" in found and not facts.session and isinstance(found["thread"], str):
        facts.session = found["thread"]
    facts.is_noise = (
        "busy_ns" in record.attributes
        and record.parent_span_id != b""
        and record.status != SpanStatus.ERROR
        and not facts.operation
        and record.name not in _CODEX_TELLING
    )


def _span_type(operation: str, found: Found, record: SpanRecord) -> SpanType:
    if "span_type" in found and (told := SPAN_TYPES.get(text(found["span_type"]))) is not None:
        return told
    span_type = _TYPES.get(operation)
    if span_type == SpanType.TOOL_CALL and TOLD_BY_ATTRIBUTE in record.attributes:
        return SpanType.FUNCTION  # the far end of a run that the span above tells
    if span_type is None:
        if "http" in found:
            span_type = SpanType.HTTP_CALL
        elif "database" in found:
            span_type = SpanType.DATABASE
        else:
            span_type = SpanType.FUNCTION if record.kind in _INTERNAL_KINDS else SpanType.CUSTOM
    if not record.parent_span_id and span_type in (SpanType.FUNCTION, SpanType.CUSTOM):
        return SpanType.ROOT
    return span_type


def _set_first_token(facts: SpanFacts, found: Found, record: SpanRecord) -> None:
    seconds = None
    if "first_token_s" in found:
        seconds = amount(found["first_token_s"])
    elif "first_token_ms" in found:
        seconds = (amount(found["first_token_ms"]) or 0) / 1000
    if seconds is not None:
        facts.time_to_first_token_us = int(seconds * 1_000_000)
        return
    at_us = None
    if "first_token_at" in found:
        at_us = _time_us(text(found["first_token_at"]))
    elif record.event_count:
        events = span_extras(record.raw, record.encoding).events
        at_us = next((event.time_us for event in events if event.name == _FIRST_TOKEN_EVENT), None)
    if at_us is not None and at_us >= record.start_us:
        facts.time_to_first_token_us = at_us - record.start_us


def _time_us(sent: str) -> int | None:
    try:
        return parse_time_us(sent.strip('"'))
    except InputError:
        return None


def _set_error(facts: SpanFacts, found: Found, record: SpanRecord) -> None:
    """Set the type and message: the status says them, else the last exception event."""
    facts.error_message = record.status_message or text(found.get("error_message"))
    if record.event_count and not (facts.error_type and facts.error_message):
        for event in reversed(span_extras(record.raw, record.encoding).events):
            if event.name == "exception":
                said = event.attributes
                facts.error_type = facts.error_type or text(said.get("exception.type"))
                facts.error_message = facts.error_message or text(said.get("exception.message"))
                return
