"""What `status` says of the model: what waits for it, and how far a new one has come."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from flowtrace_mcp.embedding.names import MINILM_ID
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.remember import RememberRequest, remember_all
from flowtrace_mcp.services.status import (
    ListenerFacts,
    ModelChange,
    find_model_change,
    pending_embeddings,
    status,
)
from flowtrace_mcp.services.switch_on import NO_PORT, telemetry_variables
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk

EXPORTS: Final = Path(__file__).parent.parent / "data/otlp"
TEXTS = ("deploys run from main", "staging runs Postgres", "tabs, never spaces")


def choosing(context: Context, choice: str) -> Context:
    return replace(context, meaning=Meaning(choice, lambda _: None))


def keep(context: Context, caller: Caller) -> None:
    remember_all(context, [RememberRequest(content=text) for text in TEXTS], caller)


def embed(context: Context, embedder: str, *keys: int) -> None:
    code = VectorCode(embedder=embedder, sign_code=b"\x80", int8_code=b"\x7f", scale=1 / 127)
    context.store.memories.insert_vectors([(key, [code]) for key in keys])


def test_memories_wait_for_the_model_that_is_chosen_before_it_is_loaded(
    context: Context, caller: Caller
) -> None:
    keep(context, caller)
    embed(context, MINILM_ID, 1)

    assert pending_embeddings(choosing(context, "minilm")) == 2
    assert pending_embeddings(choosing(context, "sentence-transformers:org/other")) == 3


def test_nothing_waits_for_a_model_that_is_switched_off(context: Context, caller: Caller) -> None:
    keep(context, caller)
    embed(context, MINILM_ID, 1)

    assert pending_embeddings(choosing(context, "off")) == 0
    assert find_model_change(choosing(context, "off")) is None


def test_status_says_how_far_a_new_model_has_come(context: Context, caller: Caller) -> None:
    keep(context, caller)
    embed(context, "before@1", 1, 2, 3)
    embed(context, MINILM_ID, 3)

    found = status(choosing(context, "minilm"), ListenerFacts())

    assert found.pending_embeddings == 2
    assert found.model_change == ModelChange(
        from_embedder="before@1", to_embedder=MINILM_ID, done=1, total=3
    )


def test_a_change_is_over_when_every_memory_is_read(context: Context, caller: Caller) -> None:
    keep(context, caller)
    embed(context, "before@1", 1, 2, 3)
    embed(context, MINILM_ID, 1, 2, 3)

    assert find_model_change(choosing(context, "minilm")) is None


def test_the_first_model_is_no_change(context: Context, caller: Caller) -> None:
    keep(context, caller)

    assert find_model_change(choosing(context, "minilm")) is None


def test_another_build_of_the_same_model_is_a_change(context: Context, caller: Caller) -> None:
    keep(context, caller)
    older = MINILM_ID.partition("@")[0] + "@00000000"
    embed(context, older, 1, 2, 3)

    change = find_model_change(choosing(context, "minilm"))

    assert change is not None
    assert (change.from_embedder, change.to_embedder) == (older, MINILM_ID)


def test_an_agent_whose_spans_came_is_not_told_how_to_send_them(context: Context) -> None:
    before = status(context, ListenerFacts()).switch_on
    pipeline = Pipeline(context.store, context.now_us)
    for name in ("claude-code.traces.pb", "codex-cli.traces.02.pb"):
        pipeline.traces((EXPORTS / name).read_bytes(), PayloadEncoding.PROTOBUF)

    assert set(before) == {"claude-code", "codex", "gemini-cli"}
    assert set(status(context, ListenerFacts()).switch_on) == {"gemini-cli"}


def test_an_agent_that_is_known_by_its_hooks_alone_is_told_how_to_send_the_rest(
    context: Context,
) -> None:
    desk = HookDesk(context)
    for event in ("SessionStart", "UserPromptSubmit", "PostToolUse", "Stop"):
        body = {"hook_event_name": event, "session_id": "s", "prompt_id": "p", "tool_name": "Bash"}
        told = json.dumps(body).encode()
        desk.take(HookDelivery(agent="claude-code", body=told, time_us=context.now_us()))
    desk.close()

    found = status(context, ListenerFacts())

    assert found.store.session_count == 1
    assert "claude-code" in found.switch_on


def test_what_switches_an_agent_on_can_be_copied_as_it_is() -> None:
    codex = telemetry_variables("codex", 14318).partition("\n")[2]
    gemini = telemetry_variables("gemini-cli", 14318).partition("\n")[2]

    exporters = tomllib.loads(codex)["otel"]
    found = {name: one["otlp-http"]["endpoint"] for name, one in exporters.items()}
    assert found == {
        "trace_exporter": "http://127.0.0.1:14318/v1/traces",
        "exporter": "http://127.0.0.1:14318/v1/logs",
    }
    telemetry = json.loads(f"{{{gemini}}}")["telemetry"]
    assert telemetry["otlpEndpoint"] == "http://127.0.0.1:14318"


def test_an_agent_is_told_the_port_that_is_served_and_never_0(
    make_context: Callable[..., Context],
) -> None:
    context = make_context(FLOWTRACE_OTLP_HTTP_PORT="0")

    served = status(context, ListenerFacts(otlp_http_port=14318)).switch_on
    unserved = status(context, ListenerFacts()).switch_on

    assert all(":14318" in how for how in served.values())
    assert set(unserved.values()) == {NO_PORT}
