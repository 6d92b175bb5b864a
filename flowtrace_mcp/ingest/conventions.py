"""Which attribute says what: one row a concept, its keys by convention, the best one first.

A row reads: OpenTelemetry GenAI as it is now, its older spellings, OpenInference, Vercel's AI
SDK, OpenLLMetry (traceloop), Langfuse, Logfire and pydantic-ai, LiteLLM, then what coding agents
send under plain names. The first key of a row that a span carries with a value wins. To teach
Flowtrace a new spelling, add it to its row; nothing else changes.
"""

from functools import lru_cache
from typing import Final, Literal, TypeAlias

from flowtrace_mcp.model.telemetry import Attributes, AttributeValue

Concept: TypeAlias = Literal[
    "kind",
    "provider",
    "request_model",
    "response_model",
    "invocation",
    "response_id",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "usage_object",
    "input_without_cache",
    "sum_input",
    "sum_output",
    "sum_cache_read",
    "sum_cache_write",
    "sum_reasoning",
    "cost",
    "input_cost",
    "output_cost",
    "cost_object",
    "service_tier",
    "cache_write_1h",
    "first_token_s",
    "first_token_ms",
    "first_token_at",
    "session",
    "thread",
    "metadata",
    "turn",
    "user",
    "agent",
    "agent_node",
    "entity",
    "display",
    "tool",
    "agent_tool",
    "tool_call_id",
    "tool_server",
    "prompt_name",
    "prompt_version",
    "span_type",
    "error_type",
    "error_message",
    "http",
    "database",
]
Found: TypeAlias = dict[Concept, AttributeValue]

KEYS: Final[dict[Concept, tuple[str, ...]]] = {
    # what kind of work it is; every convention has its own words, OPERATIONS translates them
    "kind": (
        "gen_ai.operation.name",
        "openinference.span.kind",
        "ai.operationId",
        "langfuse.observation.type",
        "traceloop.span.kind",
        "llm.request.type",
        "mcp.method.name",
        "span.type",
    ),
    "provider": (
        "gen_ai.provider.name",
        "llm.provider",
        "gen_ai.system",
        "llm.system",
        "ai.model.provider",
        "anthropic.provider",
    ),
    "request_model": (
        "gen_ai.request.model",
        "llm.request.model_name",
        "llm.request.model",
        "ai.model.id",
        "model_name",
        "litellm.provider.model",
        "model",
    ),
    "response_model": (
        "gen_ai.response.model",
        "llm.response.model_name",
        "llm.model_name",
        "embedding.model_name",
        "reranker.model_name",
        "ai.response.model",
        "llm.response.model",
        "langfuse.observation.model.name",
    ),
    # the request as JSON, for those who name its model nowhere else
    "invocation": ("llm.invocation_parameters", "embedding.invocation_parameters"),
    "response_id": ("gen_ai.response.id", "ai.response.id"),
    # tokens of one call
    "input": (
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.prompt_tokens",
        "llm.token_count.prompt",
        "ai.usage.inputTokens",
        "ai.usage.promptTokens",
        "ai.usage.tokens",
        "llm.usage.prompt_tokens",
    ),
    "output": (
        "gen_ai.usage.output_tokens",
        "gen_ai.usage.completion_tokens",
        "llm.token_count.completion",
        "ai.usage.outputTokens",
        "ai.usage.completionTokens",
        "llm.usage.completion_tokens",
        "output_tokens",
    ),
    "cache_read": (
        "gen_ai.usage.cache_read.input_tokens",
        "gen_ai.usage.cache_read_input_tokens",
        "llm.token_count.prompt_details.cache_read",
        "llm.token_count.prompt_details.cache_input",
        "ai.usage.inputTokenDetails.cacheReadTokens",
        "ai.usage.cachedInputTokens",
        "gen_ai.usage.details.cache_read_tokens",
        "gen_ai.usage.details.cache_read_input_tokens",
        "gen_ai.usage.details.cached_tokens",
        "cache_read_tokens",
    ),
    "cache_write": (
        "gen_ai.usage.cache_write.input_tokens",
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
        "llm.token_count.prompt_details.cache_write",
        "ai.usage.inputTokenDetails.cacheWriteTokens",
        "gen_ai.usage.details.cache_write_tokens",
        "gen_ai.usage.details.cache_creation_input_tokens",
        "cache_creation_tokens",
    ),
    "reasoning": (
        "gen_ai.usage.reasoning.output_tokens",
        "gen_ai.usage.reasoning_tokens",
        "llm.token_count.completion_details.reasoning",
        "ai.usage.outputTokenDetails.reasoningTokens",
        "ai.usage.reasoningTokens",
        "llm.usage.reasoning_tokens",
        "gen_ai.usage.details.reasoning_tokens",
        "codex.usage.reasoning_output_tokens",
    ),
    "usage_object": ("langfuse.observation.usage_details", "metadata.usage_object"),
    # Claude Code's plain name means what Anthropic's API means: without what the cache gave
    "input_without_cache": ("input_tokens",),
    # sums over the calls below, under names of their own
    "sum_input": (
        "gen_ai.aggregated_usage.input_tokens",
        "codex.turn.token_usage.input_tokens",
    ),
    "sum_output": (
        "gen_ai.aggregated_usage.output_tokens",
        "codex.turn.token_usage.output_tokens",
    ),
    "sum_cache_read": (
        "gen_ai.aggregated_usage.cache_read.input_tokens",
        "codex.turn.token_usage.cached_input_tokens",
        "codex.turn.token_usage.cache_read_input_tokens",
    ),
    "sum_cache_write": (
        "gen_ai.aggregated_usage.cache_write.input_tokens",
        "gen_ai.aggregated_usage.cache_creation.input_tokens",
        "codex.turn.token_usage.cache_write_input_tokens",
    ),
    "sum_reasoning": (
        "gen_ai.aggregated_usage.details.reasoning_tokens",
        "codex.turn.token_usage.reasoning_output_tokens",
    ),
    "cost": ("llm.cost.total", "gen_ai.cost.total_cost", "gen_ai.usage.cost", "operation.cost"),
    "input_cost": ("llm.cost.prompt", "gen_ai.cost.input_cost"),
    "output_cost": ("llm.cost.completion", "gen_ai.cost.output_cost"),
    "cost_object": ("langfuse.observation.cost_details",),
    # what else decides the price
    "service_tier": (
        "openai.response.service_tier",
        "gen_ai.openai.response.service_tier",
        "openai.request.service_tier",
        "gen_ai.openai.request.service_tier",
        "gen_ai.usage.service_tier",
    ),
    "cache_write_1h": ("cache_creation_1h_tokens",),
    "first_token_s": (
        "gen_ai.response.time_to_first_chunk",
        "gen_ai.server.time_to_first_token",
    ),
    "first_token_ms": ("ai.response.msToFirstChunk", "ttft_ms"),
    "first_token_at": ("langfuse.observation.completion_start_time",),
    # who
    # Claude Code's sub-agents are conversations of their own within the session
    "session": (
        "session.id",
        "gen_ai.conversation.id",
        "ai.telemetry.metadata.sessionId",
        "traceloop.association.properties.session_id",
        "langfuse.session.id",
        "metadata.session_id",
        "conversation.id",
    ),
    # Codex's name for its session; elsewhere the number of an operating system's thread
    "thread": ("thread_id", "thread.id"),
    "metadata": ("metadata",),
    "turn": ("prompt.id", "turn.id", "turn_id", "prompt_id"),
    "user": (
        "user.id",
        "enduser.id",
        "ai.telemetry.metadata.userId",
        "traceloop.association.properties.user_id",
        "langfuse.user.id",
        "llm.user",
        "metadata.user_api_key_user_id",
    ),
    "agent": ("gen_ai.agent.name", "agent.name", "ai.telemetry.functionId", "agent_name"),
    "agent_node": ("graph.node.name", "graph.node.id"),
    "entity": ("traceloop.entity.name",),
    "display": ("logfire.msg", "operation.name"),
    "tool": (
        "gen_ai.tool.name",
        "tool.name",
        "tool_call.function.name",
        "ai.toolCall.name",
    ),
    "agent_tool": ("tool_name",),
    "tool_call_id": (
        "gen_ai.tool.call.id",
        "gen_ai.tool.call_id",
        "tool_call.id",
        "tool.id",
        "ai.toolCall.id",
        "tool_use_id",
        "call_id",
    ),
    "tool_server": (
        "mcp.server.name",
        "fastmcp.server.name",
        "anthropic.mcp.server.name",
        "mcp_server",
    ),
    "prompt_name": (
        "gen_ai.prompt.name",
        "traceloop.prompt.key",
        "langfuse.observation.prompt.name",
    ),
    "span_type": ("flowtrace.span_type",),
    "prompt_version": (
        "llm.prompt_template.version",
        "traceloop.prompt.version",
        "langfuse.observation.prompt.version",
    ),
    "error_type": ("error.type",),
    "error_message": ("langfuse.observation.status_message", "error.message"),
    # what else a span can be
    "http": ("http.request.method", "http.method"),
    "database": ("db.system.name", "db.system"),
}

# The long texts, which are read only when somebody looks at a span. A key that ends with a dot
# stands for indexed keys below it, like ``llm.input_messages.0.message.role``.
INPUT_MESSAGES: Final = (
    "gen_ai.input.messages",
    "pydantic_ai.all_messages",
    "llm.input_messages.",
    "ai.prompt.messages",
    "ai.prompt",
    "gen_ai.prompt.",
    "gen_ai.prompt",
    "langfuse.observation.input",
    "all_messages_events",
    "events",
    "input.value",
    "traceloop.entity.input",
    "user_prompt",
)
OUTPUT_MESSAGES: Final = (
    "gen_ai.output.messages",
    "llm.output_messages.",
    "gen_ai.completion.",
    "gen_ai.completion",
    "langfuse.observation.output",
    "final_result",
    "output.value",
    "traceloop.entity.output",
)
SYSTEM_INSTRUCTIONS: Final = ("gen_ai.system_instructions",)
TOOL_ARGUMENTS: Final = (
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "langfuse.observation.input",
    "tool_arguments",
    "input.value",
    "traceloop.entity.input",
    "tool_input",
    "tool_parameters",
)
TOOL_RESULT: Final = (
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "langfuse.observation.output",
    "tool_response",
    "output.value",
    "traceloop.entity.output",
)

# Every word for a kind of work, in lower case, to gen_ai.operation.name. What is missing here is
# no GenAI work; what is not GenAI's own but useful (rerank) follows its manner.
OPERATIONS: Final = {
    word: operation
    for operation, words in {
        "chat": (
            "chat",
            "llm",
            "generation",
            "llm_call",
            "llm_request",
            "acompletion",
            "responses",
            "aresponses",
            "ai.generatetext.dogenerate",
            "ai.streamtext.dostream",
            "ai.generateobject.dogenerate",
            "ai.streamobject.dostream",
        ),
        "generate_content": ("generate_content",),
        "text_completion": ("text_completion", "completion"),
        "embeddings": (
            "embeddings",
            "embedding",
            "aembedding",
            "ai.embed",
            "ai.embed.doembed",
            "ai.embedmany",
            "ai.embedmany.doembed",
        ),
        "retrieval": ("retrieval", "retriever"),
        "rerank": ("rerank", "reranker", "arerank", "ai.rerank", "ai.rerank.dorerank"),
        "execute_tool": ("execute_tool", "tool", "tool_call", "ai.toolcall", "tools/call"),
        "invoke_agent": (
            "invoke_agent",
            "agent",
            "interaction",
            "ai.generatetext",
            "ai.streamtext",
            "ai.generateobject",
            "ai.streamobject",
        ),
        "invoke_workflow": ("invoke_workflow", "workflow"),
    }.items()
    for word in words
}
MODEL_CALLS: Final = frozenset(("chat", "generate_content", "text_completion", "embeddings"))

_PROVIDERS: Final = {
    word: provider
    for provider, words in {
        "openai": ("openai",),
        "anthropic": ("anthropic", "firstparty"),
        "aws.bedrock": ("bedrock", "aws", "aws_bedrock", "amazon-bedrock", "amazon_bedrock"),
        "azure.ai.openai": ("azure", "az.ai.openai", "azure-openai", "azure_openai", "azureopenai"),
        "azure.ai.inference": ("az.ai.inference", "azure_ai"),
        "gcp.gemini": ("gemini", "google", "google.generative-ai", "google_genai", "google-gla"),
        "gcp.vertex_ai": (
            "vertex",
            "vertexai",
            "vertex_ai",
            "google_vertex",
            "google.vertex",
            "google-vertex",
        ),
        "mistral_ai": ("mistral", "mistralai"),
        "x_ai": ("xai",),
        "ibm.watsonx.ai": ("watsonx",),
    }.items()
    for word in words
}
# The AI SDK names the API behind the provider: openai.chat, anthropic.messages.
_API_SUFFIXES: Final = frozenset(
    ("chat", "responses", "completion", "messages", "embedding", "text-embedding", "image")
)

_PLACES: Final[dict[str, tuple[Concept, int]]] = {
    key: (concept, rank) for concept, keys in KEYS.items() for rank, key in enumerate(keys)
}


def concept_of(key: str) -> Concept | None:
    """Return what an attribute speaks of, None when of nothing that is known here."""
    place = _PLACES.get(key)
    return None if place is None else place[0]


def concepts_of(attributes: Attributes) -> Found:
    """Return the best value of every concept that the attributes speak of.

    An empty text is no value: LiteLLM writes one for what it does not know.
    """
    found: Found = {}
    for concept, key in _known_keys(tuple(attributes)):
        value = attributes[key]
        if value is not None and value != "":
            found[concept] = value
    return found


# A sender's spans carry few different sets of keys; going by the set is 1.1 us a span quicker.
@lru_cache(maxsize=256)
def _known_keys(keys: tuple[str, ...]) -> tuple[tuple[Concept, str], ...]:
    """Return those keys that say something, the best of a concept last."""
    known = [(*_PLACES[key], key) for key in keys if key in _PLACES]
    known.sort(key=lambda place: place[1], reverse=True)
    return tuple((concept, key) for concept, _, key in known)


def provider_name(sent: str) -> str:
    """Return a provider in the current spelling of ``gen_ai.provider.name``."""
    if sent in _PROVIDERS:
        return _PROVIDERS[sent]
    word = sent.strip().lower()
    base, _, suffix = word.rpartition(".")
    if base and suffix in _API_SUFFIXES:
        word = base
    return _PROVIDERS.get(word, word)
