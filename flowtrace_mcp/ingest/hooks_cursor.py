"""Cursor's hook events.

A shell command and an MCP call are told twice, by events of their own and by `postToolUse`; the
one with a call's id counts.
"""

from typing import Final

from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said

AGENT: Final = "cursor"
SHELL: Final = "Shell"
EVENTS: Final = {
    "sessionStart": HookKind.SESSION_START,
    "sessionEnd": HookKind.SESSION_END,
    "beforeSubmitPrompt": HookKind.PROMPT,
    "preToolUse": HookKind.TOOL_START,
    "postToolUse": HookKind.TOOL_END,
    "postToolUseFailure": HookKind.TOOL_END,
    "beforeShellExecution": HookKind.TOOL_START,
    "afterShellExecution": HookKind.TOOL_END,
    "beforeMCPExecution": HookKind.TOOL_START,
    "afterMCPExecution": HookKind.TOOL_END,
    "afterAgentResponse": HookKind.MODEL_END,
    "stop": HookKind.TURN_END,
}
_SHELL_EVENTS: Final = ("beforeShellExecution", "afterShellExecution")
_MCP_PREFIX: Final = "MCP:"


def parse(said: Said) -> HookEvent:
    """Return an event's meaning."""
    event = said.text("hook_event_name")
    is_shell = event in _SHELL_EVENTS
    command = said.text("command")
    status = said.text("status")
    return HookEvent(
        agent=AGENT,
        event=event,
        kind=EVENTS.get(event, HookKind.OTHER),
        session=said.text("conversation_id", "session_id"),
        turn=said.text("generation_id"),
        folder=said.first("workspace_roots") or said.text("cwd"),
        model=said.text("model"),
        prompt=said.text("prompt"),
        response=said.text("text", "response"),
        tool_name=SHELL if is_shell else said.text("tool_name").removeprefix(_MCP_PREFIX),
        tool_call_id=said.text("tool_use_id"),
        tool_arguments={"command": command} if is_shell else said.parsed("tool_input"),
        tool_result=said.value("tool_output", "result_json", "output"),
        error=said.text("error_message") or (status if status == "error" else ""),
        is_failed=event == "postToolUseFailure" or status == "error",
        duration_us=said.duration_us("duration", "duration_ms"),
        usage=said.usage(),
    )
