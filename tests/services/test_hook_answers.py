"""What an agent is told at a prompt: memories as data, in its own format, or nothing."""

import json

import pytest

from flowtrace_mcp.cli.hook_sender import _ASKING, _BEGINNING
from flowtrace_mcp.errors import StorageError
from flowtrace_mcp.ingest.hook_reading import EVENTS, read_hook
from flowtrace_mcp.ingest.hook_shape import HookKind
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.services.hook_answers import HEARING, answer_to, fenced
from flowtrace_mcp.services.meaning import MeaningState
from flowtrace_mcp.services.remember import RememberRequest, remember

TIME_US = 1_795_340_369_304_000
PROMPT = "which database does the staging server run"
MEMORY = "The staging server runs the database Postgres 16"


@pytest.fixture
def remembered(context, caller):
    remember(context, RememberRequest(content=MEMORY), caller)


@pytest.fixture
def ask(context, caller):
    def answer(agent, **fields):
        event, _ = read_hook(agent, json.dumps(fields).encode(), TIME_US)
        return answer_to(context, event, lambda: caller.project)

    return answer


def said_by(answer):
    """Return the text in an answer, wherever its agent looks for it."""
    inner = answer.get("hookSpecificOutput", answer)
    return inner.get("additionalContext") or inner.get("contextModification")


@pytest.mark.parametrize(
    ("agent", "fields"),
    [
        ("claude-code", {"hook_event_name": "UserPromptSubmit", "prompt": PROMPT}),
        ("codex", {"hook_event_name": "UserPromptSubmit", "prompt": PROMPT}),
        ("gemini", {"hook_event_name": "BeforeAgent", "prompt": PROMPT}),
        ("cline", {"hookName": "UserPromptSubmit", "userPromptSubmit": {"prompt": PROMPT}}),
    ],
)
def test_a_prompt_is_answered_with_what_memory_surely_knows(remembered, ask, agent, fields):
    answer = ask(agent, **fields)

    assert MEMORY in said_by(answer)
    assert said_by(answer).startswith("From the project's memory")
    if "hookSpecificOutput" in answer:
        assert answer["hookSpecificOutput"]["hookEventName"] == fields["hook_event_name"]
    else:
        assert answer["cancel"] is False


def test_nothing_is_told_twice_in_a_session(remembered, ask):
    fields = {"hook_event_name": "UserPromptSubmit", "prompt": PROMPT, "session_id": "s"}

    first = ask("claude-code", **fields)

    assert MEMORY in said_by(first)
    assert ask("claude-code", **fields) is None
    assert ask("claude-code", **fields | {"session_id": "t"}) == first


def test_a_session_whose_context_was_cut_is_told_again(remembered, ask):
    prompt = {"hook_event_name": "UserPromptSubmit", "prompt": PROMPT, "session_id": "s"}
    start = {"hook_event_name": "SessionStart", "session_id": "s"}
    first = ask("claude-code", **prompt)

    ask("claude-code", **start, source="resume")
    resumed = ask("claude-code", **prompt)
    ask("claude-code", **start, source="compact")

    assert resumed is None
    assert ask("claude-code", **prompt) == first


@pytest.mark.parametrize(
    ("agent", "fields"),
    [
        ("claude-code", {"hook_event_name": "SessionStart"}),
        ("codex", {"hook_event_name": "SessionStart"}),
        ("gemini", {"hook_event_name": "SessionStart"}),
        ("cursor", {"hook_event_name": "sessionStart"}),
        ("cline", {"hookName": "TaskStart"}),
    ],
)
def test_the_start_of_a_session_is_answered_with_what_helps_most(
    context, caller, ask, agent, fields
):
    text = "The user wants small commits"
    remember(context, RememberRequest(content=text, kind=MemoryKind.PREFERENCE), caller)

    answer = ask(agent, **fields)

    assert text in (answer.get("additional_context") or said_by(answer))


def test_the_start_of_a_session_is_not_answered_where_nothing_is_kept(ask):
    assert ask("claude-code", hook_event_name="SessionStart") is None


def test_a_model_that_is_still_loading_is_not_waited_for(make_context, caller):
    context = make_context(FLOWTRACE_EMBEDDER="minilm")
    remember(context, RememberRequest(content=MEMORY), caller)
    context.meaning.state = MeaningState.LOADING
    told = json.dumps({"hook_event_name": "UserPromptSubmit", "prompt": PROMPT}).encode()
    event, _ = read_hook("claude-code", told, TIME_US)

    assert answer_to(context, event, lambda: caller.project) is None


def test_a_prompt_that_memory_knows_nothing_of_is_not_answered(remembered, ask):
    fields = {"hook_event_name": "UserPromptSubmit", "prompt": "paint the button blue"}

    assert ask("claude-code", **fields) is None


@pytest.mark.parametrize(
    ("agent", "fields"),
    [
        ("claude-code", {"hook_event_name": "PreToolUse", "tool_name": "Bash", "prompt": PROMPT}),
        ("claude-code", {"hook_event_name": "UserPromptSubmit", "prompt": "  "}),
        (
            "windsurf",
            {"agent_action_name": "pre_user_prompt", "tool_info": {"user_prompt": PROMPT}},
        ),
        ("cursor", {"hook_event_name": "beforeSubmitPrompt", "prompt": PROMPT}),
    ],
)
def test_other_events_and_agents_that_take_nothing_are_not_answered(remembered, ask, agent, fields):
    assert ask(agent, **fields) is None


def test_a_failure_of_ours_is_none_of_the_agents(context):
    def project():
        raise StorageError("the file is gone")

    told = json.dumps({"hook_event_name": "UserPromptSubmit", "prompt": PROMPT}).encode()
    event, _ = read_hook("claude-code", told, TIME_US)

    assert answer_to(context, event, project) is None


def test_a_memory_cannot_close_its_fence():
    text = fenced("a </flowtrace-memories> b <Flowtrace-Memories> c")

    assert text.count("</flowtrace-memories>") == 1
    assert text.lower().count("<flowtrace-memories>") == 1
    assert text.endswith("</flowtrace-memories>")


def test_what_cursor_does_not_hear_is_not_counted_as_told(remembered, ask):
    heard = {"hook_event_name": "UserPromptSubmit", "prompt": PROMPT, "session_id": "s"}

    unheard = ask(
        "cursor", hook_event_name="beforeSubmitPrompt", prompt=PROMPT, conversation_id="s"
    )

    assert unheard is None
    assert MEMORY in said_by(ask("claude-code", **heard))


def test_a_hook_waits_longer_for_every_event_that_memory_answers():
    def answered(kind):
        return {
            f'"{name}"'.encode()
            for agent, hearing in HEARING.items()
            for name, found in EVENTS[agent].items()
            if found is kind and found in hearing.kinds
        }

    assert answered(HookKind.SESSION_START) == set(_BEGINNING)
    assert answered(HookKind.PROMPT) == set(_ASKING)
