"""Which spans hook events stand for."""

import json

from flowtrace_mcp.ingest.hook_reading import read_hook
from flowtrace_mcp.ingest.hook_shape import HookKind
from flowtrace_mcp.ingest.hook_spans import hook_span_writes, same_call
from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.model.edge import SpanType
from flowtrace_mcp.model.span_write import Authority

START_US = 1_795_340_369_304_000


def events_of(agent, *told):
    """Return events a second apart."""
    return [
        read_hook(agent, json.dumps(fields).encode(), START_US + number * 1_000_000)[0]
        for number, fields in enumerate(told)
    ]


def spans_of(events):
    def find_before(event, kind):
        found = [
            one
            for one in events
            if one.kind is kind
            and one.time_us <= event.time_us
            and (kind is HookKind.PROMPT or same_call(one, event))
        ]
        return found[-1] if found else None

    return hook_span_writes(events, find_before, PriceBook())


def gemini(event, **more):
    return {"session_id": "s", "hook_event_name": event, **more}


def test_a_turn_goes_from_its_prompt_to_its_end():
    first, last = spans_of(
        events_of(
            "gemini",
            gemini("BeforeAgent", prompt="hi"),
            gemini("AfterAgent", prompt="hi", prompt_response="hello"),
        )
    )

    assert (first.trace_id, first.span_id) == (last.trace_id, last.span_id)
    assert (last.start_us, last.duration_us) == (START_US, 1_000_000)
    assert last.name == "gemini turn"


def test_turns_that_have_no_name_are_traces_of_their_own():
    prompts = [gemini("BeforeAgent", prompt="a"), gemini("BeforeAgent", prompt="b")]

    first, second = spans_of(events_of("gemini", *prompts))

    assert first.trace_id != second.trace_id


def test_equal_calls_without_an_id_are_spans_of_their_own():
    call = gemini("AfterTool", tool_name="ls", tool_input={})

    first, second = spans_of(events_of("gemini", call, call))

    assert first.span_id != second.span_id


def test_a_tool_begins_where_its_start_was_told():
    tool = {"tool_name": "ls", "tool_input": {"path": "."}}
    spans = spans_of(
        events_of(
            "gemini",
            gemini("BeforeAgent", prompt="hi"),
            gemini("BeforeTool", **tool),
            gemini("BeforeTool", tool_name="ls", tool_input={"path": "/"}),
            gemini("AfterTool", **tool),
        )
    )

    run = spans[-1]
    assert (run.start_us, run.duration_us) == (START_US + 1_000_000, 2_000_000)
    assert run.parent_span_id == spans[0].span_id
    assert run.span_type is SpanType.TOOL_CALL
    assert run.authority is Authority.HOOK


def test_a_call_with_an_id_has_more_authority_than_one_without():
    call = {
        "session_id": "s",
        "prompt_id": "p",
        "hook_event_name": "PostToolUse",
        "tool_name": "Bash",
        "tool_use_id": "t",
    }

    (run,) = spans_of(events_of("claude-code", call))

    assert run.authority is Authority.HOOK_CALL
    assert run.claims == ("call t", "~Bash")


def test_the_tokens_of_a_response_are_those_of_a_model_call():
    base = {"conversation_id": "c", "generation_id": "g", "model": "gpt-5"}
    (call,) = spans_of(
        events_of(
            "cursor",
            {
                **base,
                "hook_event_name": "afterAgentResponse",
                "input_tokens": 9,
                "output_tokens": 3,
            },
        )
    )

    assert call.span_type is SpanType.GENERATION
    assert (call.model, call.usage.input, call.usage.output) == ("gpt-5", 9, 3)


def test_an_event_without_a_session_stands_for_no_span():
    assert spans_of(events_of("gemini", {"hook_event_name": "BeforeAgent", "prompt": "hi"})) == []


def test_other_events_stand_for_no_span():
    assert spans_of(events_of("gemini", gemini("Notification"), gemini("SessionStart"))) == []
