"""The events of each agent in the one shape."""

import json

import pytest

from flowtrace_mcp.ingest.hook_reading import (
    EVENTS,
    PARSERS,
    event_agent,
    event_name,
    event_names,
    hook_of,
    hook_record,
    read_hook,
    turn_id,
)
from flowtrace_mcp.ingest.hook_shape import HookKind
from flowtrace_mcp.model.usage import TokenUsage

TIME_US = 1_795_340_369_304_000


def read(agent, **fields):
    return read_hook(agent, json.dumps(fields).encode(), TIME_US)[0]


def test_claude_code_says_a_tools_run():
    event = read(
        "claude-code",
        hook_event_name="PostToolUse",
        session_id="s",
        prompt_id="p",
        cwd="/home/dev/shop",
        tool_name="Bash",
        tool_input={"command": "ls"},
        tool_response={"stdout": "a"},
        tool_use_id="toolu_1",
        duration_ms=12.5,
    )

    assert event.kind is HookKind.TOOL_END
    assert (event.session, event.turn, event.folder) == ("s", "p", "/home/dev/shop")
    assert (event.tool_name, event.tool_call_id, event.duration_us) == ("Bash", "toolu_1", 12_500)
    assert (event.tool_arguments, event.tool_result) == ({"command": "ls"}, {"stdout": "a"})
    assert (event.time_us, event.is_failed) == (TIME_US, False)


def test_codex_says_its_turn_and_an_interruption():
    event = read("codex", hook_event_name="Interrupt", session_id="s", turn_id="t")

    assert (event.agent, event.kind, event.turn) == ("codex", HookKind.TURN_END, "t")


def test_gemini_says_a_tools_error():
    event = read(
        "gemini",
        hook_event_name="AfterTool",
        session_id="s",
        tool_name="run_shell_command",
        tool_input={"command": "ls"},
        tool_response={"llmContent": "", "error": {"message": "no such folder"}},
    )

    assert (event.kind, event.is_failed, event.error) == (HookKind.TOOL_END, True, "no such folder")


def test_cursor_says_the_same_of_a_shell_command_as_of_a_tool():
    base = {"conversation_id": "c", "generation_id": "g", "workspace_roots": ["/home/dev/shop"]}
    shell = read(
        "cursor",
        **base,
        hook_event_name="afterShellExecution",
        command="ls",
        output="a",
        duration=5,
    )
    tool = read(
        "cursor",
        **base,
        hook_event_name="postToolUse",
        tool_name="Shell",
        tool_input={"command": "ls"},
        tool_output="a",
        duration=5,
        tool_use_id="t",
    )

    for event in (shell, tool):
        assert (event.session, event.turn, event.folder) == ("c", "g", "/home/dev/shop")
        assert (event.tool_name, event.tool_arguments) == ("Shell", {"command": "ls"})
        assert (event.tool_result, event.duration_us) == ("a", 5000)


def test_cursor_says_an_mcp_call_with_its_arguments_parsed():
    event = read(
        "cursor",
        hook_event_name="afterMCPExecution",
        conversation_id="c",
        tool_name="recall",
        tool_input='{"query": "x"}',
        result_json='{"memories": []}',
    )

    assert (event.tool_name, event.tool_arguments) == ("recall", {"query": "x"})
    assert event.tool_result == '{"memories": []}'


def test_cursor_says_the_tokens_of_a_response():
    event = read(
        "cursor",
        hook_event_name="afterAgentResponse",
        conversation_id="c",
        model="gpt-5",
        text="Done.",
        input_tokens=120,
        cache_read_tokens=64,
        cache_write_tokens=0,
        output_tokens=17,
    )

    assert (event.kind, event.model, event.response) == (HookKind.MODEL_END, "gpt-5", "Done.")
    assert event.usage == TokenUsage(input=56, cache_read=64, cache_write=0, output=17)


@pytest.mark.parametrize(
    ("action", "info", "tool", "arguments"),
    [
        ("post_run_command", {"command_line": "ls"}, "run_command", {"command_line": "ls"}),
        ("post_read_code", {"file_path": "a.py"}, "read_code", {"file_path": "a.py"}),
        (
            "post_mcp_tool_use",
            {"mcp_tool_name": "recall", "mcp_tool_arguments": {"query": "x"}, "mcp_result": "none"},
            "recall",
            {"query": "x"},
        ),
    ],
)
def test_windsurf_says_its_actions(action, info, tool, arguments):
    event = read(
        "windsurf", agent_action_name=action, trajectory_id="t", execution_id="e", tool_info=info
    )

    assert (event.kind, event.session, event.turn) == (HookKind.TOOL_END, "t", "e")
    assert (event.tool_name, event.tool_arguments) == (tool, arguments)


def test_cline_says_a_tools_failure():
    event = read(
        "cline",
        hookName="PostToolUse",
        taskId="1",
        workspaceRoots=["/home/dev/shop"],
        postToolUse={
            "toolName": "execute_command",
            "parameters": {"command": "false"},
            "result": "exit code 1",
            "success": False,
            "executionTimeMs": 7,
        },
    )

    assert (event.session, event.folder, event.tool_name) == (
        "1",
        "/home/dev/shop",
        "execute_command",
    )
    assert (event.is_failed, event.error, event.duration_us) == (True, "exit code 1", 7000)


@pytest.mark.parametrize("agent", sorted(PARSERS))
def test_every_agent_says_sessions_prompts_tools_and_ends(agent):
    kinds = set(EVENTS[agent].values())

    assert {HookKind.PROMPT, HookKind.TOOL_START, HookKind.TOOL_END, HookKind.TURN_END} <= kinds


@pytest.mark.parametrize("agent", sorted(PARSERS))
@pytest.mark.parametrize("wrong", [7, "text", [], {}, None, True])
def test_a_field_of_another_type_counts_as_not_there(agent, wrong):
    names = (
        "session_id hook_event_name cwd tool_input workspace_roots tool_info agent_action_name"
        " hookName taskId workspaceRoots duration_ms tool_response llm_request status command"
    )

    event = read(agent, **dict.fromkeys(names.split(), wrong))

    assert event.kind is HookKind.OTHER


def test_a_kept_event_means_what_it_meant():
    body = b'{"hook_event_name": "Stop", "session_id": "s", "last_assistant_message": "Done."}'
    event, said = read_hook("claude-code", body, TIME_US)

    assert hook_of(hook_record(event, said)) == event


def test_a_number_beyond_64_bits_is_kept_as_text():
    _, said = read_hook("codex", b'{"n": 123456789012345678901234567890, "m": 1e999}', TIME_US)

    assert said == {"n": "123456789012345678901234567890", "m": "inf"}


def test_names_of_events_say_their_agent():
    assert event_agent(event_name("codex", "Stop")) == "codex"
    assert event_agent("codex.tool_result") == ""
    assert "hook.cline.PreToolUse" in event_names(HookKind.TOOL_START, agent="cline")
    assert all(name.startswith("hook.") for name in event_names(*HookKind))


def test_a_turn_without_a_name_is_not_found_by_it():
    assert turn_id("s", "") == turn_id("", "t") == b""
    assert turn_id("s", "t") != turn_id("s", "u")
    assert len(turn_id("s", "t")) == 16
