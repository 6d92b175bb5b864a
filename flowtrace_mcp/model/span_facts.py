"""What a span means, after the conventions of its sender were read: one shape for all."""

from dataclasses import dataclass

import msgspec

from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.usage import TokenUsage


class SpanFacts(msgspec.Struct, kw_only=True):
    """The meaning that ingest needs of every span; "" and None say that the sender is silent."""

    operation: str = ""  # gen_ai.operation.name in its current spelling, "" = not a GenAI span
    span_type: SpanType = SpanType.CUSTOM
    display: str = ""  # a better name than the span's own, when there is one
    provider: str = ""  # gen_ai.provider.name in its current spelling
    model: str = ""  # the response's model, else the requested one
    request_model: str = ""
    usage: TokenUsage | None = None
    is_aggregate: bool = False  # its usage repeats that of its descendants
    is_noise: bool = False  # an internal that a view folds
    response_id: str = ""
    cost_usd: float | None = None  # as the source said it
    service_tier: str = ""  # batch, flex, priority and the like
    cache_write_1h: int | None = None  # the part of the cache writes that is kept for an hour
    time_to_first_token_us: int | None = None
    session: str = ""
    turn: str = ""
    user: str = ""
    agent: str = ""
    tool_name: str = ""
    tool_call_id: str = ""
    tool_server: str = ""
    prompt_version: str = ""
    error_type: str = ""
    error_message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedTool:
    """A tool call that a model asked for; whether it ran is another span's business."""

    name: str
    call_id: str = ""
    arguments: AttributeValue = None  # parsed where it is JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTexts:
    """The long texts of a span, read only when somebody looks at it."""

    input_messages: AttributeValue = None
    output_messages: AttributeValue = None
    system_instructions: AttributeValue = None
    tool_arguments: AttributeValue = None  # parsed where it is JSON
    tool_result: AttributeValue = None
    requested_tools: tuple[RequestedTool, ...] = ()  # in the order the model named them
