"""The span that a memory comes from, found by the id of the tool's call."""

from dataclasses import replace

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.history import entry_of, history
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.taught_by import BEFORE_US
from tests.ingest.otlp_bodies import START_NS, TRACE_ID, span_id, traces
from tests.services.conftest import Clock

START_US = START_NS // 1000


def send(context: Context, call_id: str, session: str = "s-1") -> None:
    said = {
        "session.id": session,
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "remember",
        "gen_ai.tool.call.id": call_id,
    }
    body = traces(1, **said).SerializeToString()
    Pipeline(context.store, context.now_us).traces(body, PayloadEncoding.PROTOBUF)


def span_told(context: Context, caller: Caller, handle: str) -> tuple[object, object]:
    (entry,) = [entry_of(entry) for entry in history(context, handle, caller)]
    return entry.get("trace"), entry.get("span")


def test_a_span_that_comes_later_is_told_in_the_history(
    context: Context, caller: Caller, clock: Clock
) -> None:
    clock.now_us = START_US + 3_000_000
    who = replace(caller, tool_call_id="toolu_1")
    handle = remember(context, RememberRequest(content="tabs"), who).id
    assert span_told(context, caller, handle) == (None, None)

    send(context, "toolu_1")

    assert span_told(context, caller, handle) == (TRACE_ID.hex(), span_id(0).hex())


@pytest.mark.parametrize(
    ("call_id", "session", "later_us"),
    [("toolu_2", "s-1", 0), ("toolu_1", "s-2", 0), ("toolu_1", "s-1", BEFORE_US + 1)],
)
def test_another_call_session_or_time_is_not_taken_for_it(
    context: Context, caller: Caller, clock: Clock, call_id: str, session: str, later_us: int
) -> None:
    clock.now_us = START_US + later_us
    who = replace(caller, tool_call_id="toolu_1")
    handle = remember(context, RememberRequest(content="tabs"), who).id

    send(context, call_id, session)

    assert span_told(context, caller, handle) == (None, None)
