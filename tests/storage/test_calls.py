"""Calls one by one: each once, newest first, as far as they are wanted."""

import pytest

from flowtrace_mcp.model.ids import signed_string_id
from flowtrace_mcp.storage.use_hours import UseFilter
from tests.services.conftest import *  # noqa: F403 - a context, to send spans as senders do
from tests.services.work import START_US, Work

EVERYTHING = {"since_us": START_US - 1, "until_us": START_US + 10**9}


@pytest.fixture
def told(context):
    work = Work(context)
    work.call("m-1", 0, 2.0, tokens=(10, 5), **{"gen_ai.agent.name": "coder"})
    work.call("m-2", 1, tokens=(20, 0), trace=2, **{"gen_ai.prompt.name": "greet"})
    work.span("no model", 2)
    work.tool("Bash", 3, error="no")
    work.span(
        "chat",
        4,
        error="overloaded",
        **{"gen_ai.operation.name": "chat", "gen_ai.request.model": "m-1"},
    )
    return work.store()


def names(context, calls):
    strings = context.store.spans.get_strings([call.name_id for call in calls.calls])
    return [strings[call.name_id] for call in calls.calls]


def test_calls_of_models_come_newest_first_failed_ones_too(context, told):
    found = context.store.uses.list_model_calls(UseFilter(**EVERYTHING), 10)

    assert names(context, found) == ["m-1", "m-2", "m-1"]
    failed, second, first = found.calls
    assert (failed.is_error, failed.input_tokens, failed.cost_usd) == (True, None, None)
    assert (first.duration_us, first.input_tokens, first.output_tokens) == (2_000_000, 10, 5)
    assert first.agent_id == signed_string_id("coder")
    assert first.trace_id.hex() == told.trace_id(1)
    assert second.prompt_id == signed_string_id("greet")
    assert not found.is_cut


def test_executions_of_tools_come_apart(context, told):
    found = context.store.uses.list_tool_calls(UseFilter(**EVERYTHING), 10)

    assert names(context, found) == ["Bash"]
    assert found.calls[0].is_error


def test_calls_are_narrowed(context, told):
    def listed(**more):
        wanted = UseFilter(**EVERYTHING | more)
        return names(context, context.store.uses.list_model_calls(wanted, 10))

    assert listed(model_id=signed_string_id("m-2")) == ["m-2"]
    assert listed(agent_id=signed_string_id("coder")) == ["m-1"]
    assert listed(project_id=7) == []
    assert listed(since_us=START_US + 1_000_000, until_us=START_US + 4_000_000) == ["m-2"]


def test_of_more_calls_than_are_wanted_the_newest_are_read(context, told):
    found = context.store.uses.list_model_calls(UseFilter(**EVERYTHING), 2)

    assert names(context, found) == ["m-1", "m-2"]
    assert found.is_cut
