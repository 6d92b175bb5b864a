"""One span of every convention, as its attributes are documented."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from flowtrace_mcp.ingest.conventions import KEYS, OPERATIONS, concepts_of, provider_name
from flowtrace_mcp.ingest.otlp_protobuf import decode_span
from flowtrace_mcp.ingest.span_facts import facts_of
from flowtrace_mcp.model.edge import SpanStatus, SpanType
from flowtrace_mcp.model.telemetry import Resource, Scope
from flowtrace_mcp.model.usage import TokenUsage

START_NS = 1_795_340_369_000_000_000
CALL = TokenUsage(input=56, cache_read=64, output=17, reasoning=5)


def record(
    attributes, *, name="work", scope="", service="", root=False, kind=1, status=0, events=()
):
    span = Span(
        trace_id=b"\x01" * 16,
        span_id=b"\x02" * 8,
        parent_span_id=b"" if root else b"\x03" * 8,
        name=name,
        kind=kind,
        start_time_unix_nano=START_NS,
        end_time_unix_nano=START_NS + 2_000_000_000,
    )
    span.status.code = status
    for event_name, offset_ns, said in events:
        event = span.events.add(name=event_name, time_unix_nano=START_NS + offset_ns)
        for key, value in said.items():
            event.attributes.add(key=key).value.string_value = value
    decoded = decode_span(
        span.SerializeToString(),
        Resource(attributes={"service.name": service}),
        Scope(name=scope),
    )
    decoded.attributes = attributes
    return decoded


def facts(attributes, **span):
    return facts_of(record(attributes, **span))


MODEL_CALLS = {
    "opentelemetry": {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.model": "gpt-4.1-mini-2026-01-01",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 17,
        "gen_ai.usage.cache_read.input_tokens": 64,
        "gen_ai.usage.reasoning.output_tokens": 5,
        "gen_ai.conversation.id": "s1",
        "user.id": "u1",
    },
    "openinference": {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.system": "openai",
        "llm.invocation_parameters": '{"model": "gpt-4.1-mini", "temperature": 0}',
        "llm.model_name": "gpt-4.1-mini-2026-01-01",
        "llm.token_count.prompt": 120,
        "llm.token_count.completion": 17,
        "llm.token_count.total": 137,
        "llm.token_count.prompt_details.cache_read": 64,
        "llm.token_count.completion_details.reasoning": 5,
        "metadata": '{"session_id": "s1"}',
        "user.id": "u1",
    },
    "traceloop-legacy": {
        "llm.request.type": "chat",
        "gen_ai.system": "OpenAI",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.model": "gpt-4.1-mini-2026-01-01",
        "gen_ai.usage.prompt_tokens": 120,
        "gen_ai.usage.completion_tokens": 17,
        "llm.usage.total_tokens": 137,
        "gen_ai.usage.cache_read_input_tokens": 64,
        "llm.usage.reasoning_tokens": 5,
        "traceloop.association.properties.session_id": "s1",
        "traceloop.association.properties.user_id": "u1",
    },
    "ai-sdk": {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.model.provider": "openai.responses",
        "ai.model.id": "gpt-4.1-mini",
        "ai.response.model": "gpt-4.1-mini-2026-01-01",
        "ai.usage.promptTokens": 120,
        "ai.usage.completionTokens": 17,
        "ai.usage.cachedInputTokens": 64,
        "ai.usage.reasoningTokens": 5,
        "ai.telemetry.metadata.sessionId": "s1",
        "ai.telemetry.metadata.userId": "u1",
    },
    "langfuse": {
        "langfuse.observation.type": "generation",
        "langfuse.observation.model.name": "gpt-4.1-mini-2026-01-01",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "langfuse.observation.usage_details": '{"prompt_tokens": 120, "completion_tokens": 17,'
        ' "prompt_tokens_details": {"cached_tokens": 64},'
        ' "completion_tokens_details": {"reasoning_tokens": 5}}',
        "session.id": "s1",
        "user.id": "u1",
    },
    "pydantic-ai": {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.model": "gpt-4.1-mini-2026-01-01",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 17,
        "gen_ai.usage.details.cache_read_tokens": 64,
        "gen_ai.usage.details.reasoning_tokens": 5,
        "gen_ai.conversation.id": "s1",
        "enduser.id": "u1",
    },
    "litellm": {
        "llm.request.type": "acompletion",
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4.1-mini",
        "gen_ai.response.model": "gpt-4.1-mini-2026-01-01",
        "gen_ai.usage.input_tokens": "120",
        "gen_ai.usage.output_tokens": "17",
        "metadata.usage_object": "{'prompt_tokens_details': {'cached_tokens': 64},"
        " 'completion_tokens_details': {'reasoning_tokens': 5}}",
        "metadata.session_id": "s1",
        "llm.user": "",
        "metadata.user_api_key_user_id": "u1",
    },
}


@pytest.mark.parametrize("convention", MODEL_CALLS)
def test_one_call_means_the_same_in_every_convention(convention):
    read = facts(MODEL_CALLS[convention])
    assert (read.operation, read.span_type) == ("chat", SpanType.GENERATION)
    assert read.provider == "openai"
    assert read.request_model == "gpt-4.1-mini"
    assert read.model == "gpt-4.1-mini-2026-01-01"
    assert read.usage == CALL
    assert (read.session, read.user) == ("s1", "u1")
    assert not read.is_aggregate
    assert not read.is_noise


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"llm.cost.total": 0.5}, 0.5),
        ({"gen_ai.cost.total_cost": "5.6e-05"}, 5.6e-05),
        ({"gen_ai.cost.input_cost": 0.25, "gen_ai.cost.output_cost": 0.5}, 0.75),
        ({"langfuse.observation.cost_details": '{"input": 0.25, "output": 0.5}'}, 0.75),
        ({"langfuse.observation.cost_details": '{"input": 0.25, "total": 1}'}, 1),
        ({"langfuse.observation.cost_details": "{}"}, None),
        ({"llm.cost.total": "free"}, None),
        ({"llm.cost.total": float("nan")}, None),
        ({"llm.cost.total": True}, None),
        ({"gen_ai.operation.name": "chat"}, None),
    ],
)
def test_a_cost_is_what_the_source_says_or_unknown(attributes, cost):
    assert facts(attributes).cost_usd == cost


@pytest.mark.parametrize(
    ("attributes", "operation", "span_type"),
    [
        ({"gen_ai.operation.name": "embeddings"}, "embeddings", SpanType.EMBEDDING),
        ({"openinference.span.kind": "EMBEDDING"}, "embeddings", SpanType.EMBEDDING),
        ({"ai.operationId": "ai.embed.doEmbed"}, "embeddings", SpanType.EMBEDDING),
        ({"openinference.span.kind": "RETRIEVER"}, "retrieval", SpanType.RETRIEVAL),
        ({"gen_ai.operation.name": "search_memory"}, "search_memory", SpanType.RETRIEVAL),
        ({"gen_ai.operation.name": "upsert_memory"}, "upsert_memory", SpanType.DATABASE),
        ({"openinference.span.kind": "RERANKER"}, "rerank", SpanType.RERANKING),
        ({"llm.request.type": "rerank"}, "rerank", SpanType.RERANKING),
        ({"gen_ai.operation.name": "plan"}, "plan", SpanType.PLANNING),
        ({"langfuse.observation.type": "tool"}, "execute_tool", SpanType.TOOL_CALL),
        ({"traceloop.span.kind": "tool"}, "execute_tool", SpanType.TOOL_CALL),
        ({"mcp.method.name": "tools/call"}, "execute_tool", SpanType.TOOL_CALL),
        ({"mcp.method.name": "initialize"}, "", SpanType.FUNCTION),
        ({"gen_ai.operation.name": "tool_call"}, "execute_tool", SpanType.TOOL_CALL),
        ({"gen_ai.operation.name": "llm_call"}, "chat", SpanType.GENERATION),
        ({"gen_ai.operation.name": "dream"}, "dream", SpanType.FUNCTION),
        ({"openinference.span.kind": "AGENT"}, "invoke_agent", SpanType.FUNCTION),
        ({"traceloop.span.kind": "workflow"}, "invoke_workflow", SpanType.FUNCTION),
        ({"traceloop.span.kind": "task"}, "", SpanType.FUNCTION),
        ({"openinference.span.kind": "GUARDRAIL"}, "", SpanType.FUNCTION),
        ({"http.request.method": "GET"}, "", SpanType.HTTP_CALL),
        ({"http.method": "GET", "gen_ai.operation.name": "chat"}, "chat", SpanType.GENERATION),
        ({"db.system.name": "sqlite"}, "", SpanType.DATABASE),
        ({"n": 1}, "", SpanType.FUNCTION),
        ({"gen_ai.usage.input_tokens": 5}, "chat", SpanType.GENERATION),
    ],
)
def test_the_kind_of_work_is_read_from_attributes(attributes, operation, span_type):
    read = facts(attributes, name="chat tool agent")
    assert (read.operation, read.span_type) == (operation, span_type)


def test_a_span_that_says_nothing_is_a_function_inside_and_custom_outside():
    assert facts({}).span_type == SpanType.FUNCTION
    assert facts({}, kind=2).span_type == SpanType.CUSTOM
    assert facts({}, kind=2, root=True).span_type == SpanType.ROOT


def test_a_root_of_a_clear_kind_keeps_it():
    assert facts(MODEL_CALLS["opentelemetry"], root=True).span_type == SpanType.GENERATION
    agent = {"gen_ai.operation.name": "invoke_agent"}
    assert facts(agent, root=True).span_type == SpanType.ROOT


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.operation.name": "invoke_agent", "gen_ai.usage.input_tokens": 240},
        {"openinference.span.kind": "CHAIN", "llm.token_count.prompt": 240},
        {"ai.operationId": "ai.streamText", "ai.usage.inputTokens": 240},
        {"codex.turn.token_usage.input_tokens": 240},
        {"gen_ai.aggregated_usage.input_tokens": 240, "agent_name": "a"},
    ],
)
def test_usage_of_anything_but_a_call_is_an_aggregate(attributes):
    read = facts(attributes)
    assert read.is_aggregate
    assert read.usage == TokenUsage(input=240)


def test_an_agent_without_usage_is_no_aggregate():
    assert not facts({"gen_ai.operation.name": "invoke_agent"}).is_aggregate


def test_the_raw_copy_of_a_request_is_no_second_call():
    read = facts(MODEL_CALLS["litellm"], name="raw_gen_ai_request")
    assert (read.operation, read.usage) == ("", None)


@pytest.mark.parametrize(
    ("attributes", "span", "agent"),
    [
        ({"gen_ai.agent.name": "a", "agent.name": "b"}, {}, "a"),
        ({"openinference.span.kind": "AGENT", "graph.node.id": "a"}, {}, "a"),
        ({"openinference.span.kind": "CHAIN", "graph.node.id": "a"}, {}, ""),
        ({"traceloop.span.kind": "agent", "traceloop.entity.name": "a"}, {}, "a"),
        ({"traceloop.span.kind": "task", "traceloop.entity.name": "a"}, {}, ""),
        ({"langfuse.observation.type": "agent"}, {"name": "a"}, "a"),
        ({"gen_ai.operation.name": "invoke_agent"}, {"name": "a"}, ""),
        ({"ai.telemetry.functionId": "a"}, {}, "a"),
        (
            {},
            {"scope": "com.anthropic.claude_code.tracing", "service": "claude-code"},
            "claude-code",
        ),
    ],
)
def test_an_agent_is_named_by_whoever_names_it(attributes, span, agent):
    assert facts(attributes, **span).agent == agent


@pytest.mark.parametrize(
    ("attributes", "name", "tool", "server"),
    [
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}, "x", "t", ""),
        ({"openinference.span.kind": "TOOL", "tool.name": "t"}, "SimpleTool", "t", ""),
        ({"openinference.span.kind": "TOOL"}, "t", "t", ""),
        ({"gen_ai.operation.name": "execute_tool"}, "execute_tool t", "t", ""),
        ({"mcp.method.name": "tools/call", "mcp.server.name": "s"}, "tools/call t", "t", "s"),
        ({"traceloop.span.kind": "tool", "traceloop.entity.name": "t"}, "t.tool", "t", ""),
        ({"langfuse.observation.type": "tool"}, "t", "t", ""),
        (
            {
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": "t",
                "tool_name": "mcp__s__t",
            },
            "claude_code.tool",
            "t",
            "s",
        ),
        ({"tool_name": "exec_command", "call_id": "c"}, "exec_command", "exec_command", ""),
    ],
)
def test_a_tool_is_named_by_whoever_names_it(attributes, name, tool, server):
    read = facts(attributes, name=name)
    assert read.operation == "execute_tool"
    assert (read.tool_name, read.tool_server) == (tool, server)


def test_a_tool_span_named_by_its_class_is_shown_by_its_tool():
    read = facts({"openinference.span.kind": "TOOL", "tool.name": "t"}, name="SimpleTool")
    assert read.display == "t"


@pytest.mark.parametrize(
    ("attributes", "span", "first_us"),
    [
        ({"gen_ai.response.time_to_first_chunk": 0.5}, {}, 500_000),
        ({"ttft_ms": 32}, {}, 32_000),
        ({"ai.response.msToFirstChunk": 53.5}, {}, 53_500),
        (
            {"langfuse.observation.completion_start_time": '"2026-11-22T09:39:29.250Z"'},
            {},
            250_000,
        ),
        ({"langfuse.observation.completion_start_time": "soon"}, {}, None),
        ({}, {"events": [("First Token Stream Event", 250_000_000, {})]}, 250_000),
        ({}, {"events": [("other", 250_000_000, {})]}, None),
        ({}, {}, None),
    ],
)
def test_the_first_token_is_timed_where_the_source_times_it(attributes, span, first_us):
    read = facts({"gen_ai.operation.name": "chat"} | attributes, **span)
    assert read.time_to_first_token_us == first_us


def test_an_error_is_told_by_the_last_exception():
    events = [
        ("exception", 1, {"exception.type": "Early", "exception.message": "first"}),
        ("exception", 2, {"exception.type": "Late", "exception.message": "last"}),
    ]
    read = facts({}, status=SpanStatus.ERROR, events=events)
    assert (read.error_type, read.error_message) == ("Late", "last")


def test_a_success_has_no_error_though_an_exception_was_handled():
    read = facts({}, events=[("exception", 1, {"exception.type": "Handled"})])
    assert (read.error_type, read.error_message) == ("", "")


def test_an_error_type_alone_tells_an_error():
    read = facts({"error.type": "tool_error"})
    assert (read.error_type, read.error_message) == ("tool_error", "")


def codex(attributes, **span):
    return facts({"busy_ns": 1, "idle_ns": 2} | attributes, scope="codex_exec", **span)


def test_internals_of_codex_are_noise_and_what_tells_the_turn_is_not():
    assert codex({}, name="fs.read_file").is_noise
    assert not codex({}, name="fs.read_file", root=True).is_noise
    assert not codex({}, name="fs.read_file", status=SpanStatus.ERROR).is_noise
    assert not codex({}, name="codex.sampling").is_noise
    assert not codex({"gen_ai.usage.input_tokens": 120}, name="handle_responses").is_noise
    assert codex({}, name="handle_responses").is_noise
    assert not facts({"busy_ns": 1}, scope="my_rust_service").is_noise


def test_codex_names_its_session_thread_and_a_number_is_another_thread():
    assert codex({"thread.id": "01a2"}).session == "01a2"
    assert codex({"thread.id": 3}).session == ""
    assert facts({"thread.id": "main"}).session == ""


@pytest.mark.parametrize(
    ("sent", "provider"),
    [
        ("openai.chat", "openai"),
        ("openai.responses", "openai"),
        ("OpenAI", "openai"),
        ("az.ai.openai", "azure.ai.openai"),
        ("azure", "azure.ai.openai"),
        ("azure.ai.openai", "azure.ai.openai"),
        ("vertex_ai", "gcp.vertex_ai"),
        ("google_vertex", "gcp.vertex_ai"),
        ("google.vertex.chat", "gcp.vertex_ai"),
        ("gemini", "gcp.gemini"),
        ("google", "gcp.gemini"),
        ("google.generative-ai", "gcp.gemini"),
        ("xai", "x_ai"),
        ("x_ai", "x_ai"),
        ("mistralai", "mistral_ai"),
        ("mistral.chat", "mistral_ai"),
        ("bedrock", "aws.bedrock"),
        ("AWS", "aws.bedrock"),
        ("firstParty", "anthropic"),
        ("someone.else", "someone.else"),
        (".chat", ".chat"),
        ("", ""),
    ],
)
def test_a_provider_has_one_name(sent, provider):
    assert provider_name(sent) == provider


def test_a_key_stands_for_one_concept():
    keys = [key for row in KEYS.values() for key in row]
    assert len(keys) == len(set(keys))


def test_words_for_kinds_of_work_are_in_lower_case():
    assert all(word == word.lower() for word in OPERATIONS)


@given(st.permutations([(key, f"from {key}") for key in KEYS["session"]]))
def test_the_best_key_wins_in_any_order(pairs):
    assert concepts_of(dict(pairs)) == {"session": f"from {KEYS['session'][0]}"}


def test_an_empty_text_does_not_hide_a_value_of_another_key():
    assert concepts_of({"gen_ai.conversation.id": "", "session.id": "s"}) == {"session": "s"}


values = st.none() | st.text(max_size=20) | st.integers() | st.floats() | st.booleans()
values |= st.binary(max_size=4) | st.lists(st.text(max_size=3), max_size=2)
known_keys = st.sampled_from([key for row in KEYS.values() for key in row])


@given(st.dictionaries(known_keys, values))
def test_no_values_whatever_break_the_reading(attributes):
    read = facts(attributes)
    assert isinstance(read.operation, str)
    assert all(
        isinstance(getattr(read, name), str)
        for name in ("session", "user", "agent", "model", "provider", "tool_name", "error_type")
    )
