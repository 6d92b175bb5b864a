from collections import Counter
from pathlib import Path

import pytest

from flowtrace_mcp.ingest.event_facts import event_facts_of
from flowtrace_mcp.ingest.otlp_protobuf import decode_logs
from flowtrace_mcp.model.telemetry import LogRecord, Resource, Scope
from flowtrace_mcp.model.usage import TokenUsage

DATA = Path(__file__).parent.parent / "data" / "otlp"


def recorded(name):
    records, rejected = decode_logs((DATA / name).read_bytes(), received_us=0)
    assert rejected.count == 0
    return [event_facts_of(record) for record in records]


def event(name, resource=None, **attributes):
    record = LogRecord(
        time_us=0,
        trace_id=b"",
        span_id=b"",
        severity=9,
        event_name=name,
        body=None,
        attributes=attributes,
        resource=Resource(attributes=resource or {}),
        scope=Scope(),
    )
    return event_facts_of(record)


def test_claude_code_names_its_events_in_an_attribute():
    names = Counter(facts.name for facts in recorded("claude-code.logs.pb"))
    assert names["hook_registered"] == 27
    assert names["api_request"] == 2
    assert names["tool_result"] == 1


def test_claude_code_says_what_a_call_cost_and_that_input_leaves_out_the_cache():
    calls = [f for f in recorded("claude-code.logs.pb") if f.name == "api_request"]
    for call in calls:
        assert call.cost_usd == pytest.approx(0.0007542)
        assert call.model == "claude-sonnet-4-5"
        assert call.usage == TokenUsage(input=120, cache_read=64, cache_write=32, output=17)
        assert call.turn == "931c3ba2-6a66-4e98-b76c-c5e4d9537d5c"
        assert call.session == "4a7f0f31-6688-4d58-943f-7ce1948924f8"


def test_claude_code_says_what_a_tool_was_given():
    (tool,) = [f for f in recorded("claude-code.logs.pb") if f.name == "tool_result"]
    assert (tool.tool_call_id, tool.tool_name) == ("toolu_fake1", "Bash")
    assert tool.tool_arguments == {"command": "echo hi", "description": "Say hi"}
    assert tool.duration_us == 86_000


def test_codex_counts_the_cache_into_its_input():
    facts = recorded("codex-cli.logs.pb")
    calls = [f.usage for f in facts if f.name == "codex.sse_event" and f.usage]
    call = TokenUsage(input=56, cache_read=64, cache_write=0, output=17, reasoning=5)
    assert calls == [call, call]


def test_codex_says_what_a_tool_was_given_and_gave():
    facts = recorded("codex-cli.logs.pb")
    (tool,) = [f for f in facts if f.name == "codex.tool_result"]
    assert (tool.tool_call_id, tool.tool_name) == ("call_fake1", "exec_command")
    assert tool.tool_arguments == {"cmd": "echo hi"}
    assert "hi" in tool.tool_result
    assert tool.session == "01a202a6-30c4-73a2-80dc-e2b68bb3e81b"


def test_a_source_position_is_a_name_only_where_there_is_no_other():
    names = [facts.name for facts in recorded("codex-cli.logs.pb")]
    assert [name for name in names if not name.startswith("codex.")] == [
        "event otel/src/metrics/client.rs:324"
    ]


def test_thoughts_of_gemini_stand_beside_its_output():
    facts = event(
        "gemini_cli.api_response",
        resource={"session.id": "s1"},
        model="gemini-2.5-pro",
        input_token_count=120,
        output_token_count=17,
        cached_content_token_count=64,
        thoughts_token_count=5,
    )
    assert facts.usage == TokenUsage(input=56, cache_read=64, output=22, reasoning=5)
    assert (facts.session, facts.model) == ("s1", "gemini-2.5-pro")


def test_a_tool_of_gemini_has_its_arguments():
    facts = event(
        "gemini_cli.tool_call", function_name="run_shell_command", function_args='{"command":"ls"}'
    )
    assert (facts.tool_name, facts.tool_arguments) == ("run_shell_command", {"command": "ls"})


def test_an_event_that_says_nothing_means_nothing():
    facts = event("", duration_ms="soon", cost_usd="")
    assert (facts.usage, facts.cost_usd, facts.duration_us, facts.tool_arguments) == (None,) * 4
