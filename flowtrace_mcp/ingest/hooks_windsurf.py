"""Hook events of Devin Desktop, which was Windsurf: pairs around each action of its agent."""

from typing import Final

from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said

AGENT: Final = "windsurf"
EVENTS: Final = {
    "pre_user_prompt": HookKind.PROMPT,
    "pre_read_code": HookKind.TOOL_START,
    "post_read_code": HookKind.TOOL_END,
    "pre_write_code": HookKind.TOOL_START,
    "post_write_code": HookKind.TOOL_END,
    "pre_run_command": HookKind.TOOL_START,
    "post_run_command": HookKind.TOOL_END,
    "pre_mcp_tool_use": HookKind.TOOL_START,
    "post_mcp_tool_use": HookKind.TOOL_END,
    "post_cascade_response": HookKind.TURN_END,
}
_ARGUMENTS: Final = ("file_path", "edits", "command_line", "cwd")


def parse(said: Said) -> HookEvent:
    """Return an event's meaning."""
    event = said.text("agent_action_name")
    kind = EVENTS.get(event, HookKind.OTHER)
    told = said.inner("tool_info")
    is_tool = kind in (HookKind.TOOL_START, HookKind.TOOL_END)
    given = {name: told.value(name) for name in _ARGUMENTS if told.value(name) is not None}
    return HookEvent(
        agent=AGENT,
        event=event,
        kind=kind,
        session=said.text("trajectory_id"),
        turn=said.text("execution_id"),
        folder=told.text("cwd"),
        model=said.text("model_name"),
        prompt=told.text("user_prompt"),
        response=told.text("response"),
        tool_name=(told.text("mcp_tool_name") or event.partition("_")[2]) if is_tool else "",
        tool_arguments=told.parsed("mcp_tool_arguments") or given or None,
        tool_result=told.value("mcp_result"),
    )
