"""What hooks told of a trace is seen by those who ask for it."""

import json
from pathlib import Path

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk
from flowtrace_mcp.services.trace_reading import read_trace
from flowtrace_mcp.services.traces import TracesRequest, traces

DATA = Path(__file__).parents[1] / "data"
TRACE = "ca1c5d3a1033f257aabe0d84dc80cfb9"
PROMPT = "What is the weather in Paris?"
TOOL_END_US = 1_795_340_369_669_000


@pytest.fixture
def told(context):
    """Take the recorded spans, without the log events, and the recorded hooks."""
    body = (DATA / "otlp" / "claude-code.traces.pb").read_bytes()
    Pipeline(context.store, context.now_us).traces(body, PayloadEncoding.PROTOBUF)
    desk = HookDesk(context)
    lines = (DATA / "hooks" / "claude-code.jsonl").read_bytes().splitlines()[:4]
    desk.take_late(
        [
            HookDelivery(agent="claude-code", body=line, time_us=TOOL_END_US + at)
            for at, line in enumerate(lines)
        ]
    )
    yield context
    desk.close()


def rows(context, caller, **asked):
    return traces(context, TracesRequest(trace_id=TRACE, **asked), caller).rows


def test_a_tree_begins_with_its_prompt(told, caller):
    assert rows(told, caller, view="tree")[0]["prompt"] == PROMPT


def test_a_span_of_a_tool_shows_the_arguments_that_its_hook_told(told, caller):
    reading = read_trace(told, bytes.fromhex(TRACE))
    tool = next(span for span in reading.spans if span.facts.operation == "execute_tool")

    shown = rows(told, caller, view="span", span_id=tool.record.span_id.hex())

    texts = {row["part"]: row["text"] for row in shown if "part" in row}
    assert json.loads(texts["arguments"]) == {"command": "echo hi", "description": "Say hi"}


def test_without_log_events_the_hooks_beside_the_trace_are_found(told):
    hooks = read_trace(told, bytes.fromhex(TRACE)).hooks

    assert hooks.prompt == PROMPT
    assert [event.event for event in hooks.calls["toolu_fake1"]] == ["PreToolUse", "PostToolUse"]
