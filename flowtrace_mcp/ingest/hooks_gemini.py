"""Gemini CLI's hook events; they name no turn and no tool call."""

from typing import Final

from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said

AGENT: Final = "gemini"
EVENTS: Final = {
    "SessionStart": HookKind.SESSION_START,
    "SessionEnd": HookKind.SESSION_END,
    "BeforeAgent": HookKind.PROMPT,
    "AfterAgent": HookKind.TURN_END,
    "BeforeTool": HookKind.TOOL_START,
    "AfterTool": HookKind.TOOL_END,
}


def parse(said: Said) -> HookEvent:
    """Return an event's meaning."""
    event = said.text("hook_event_name")
    response = said.inner("tool_response")
    error = response.text("error") or response.inner("error").text("message")
    return HookEvent(
        agent=AGENT,
        event=event,
        kind=EVENTS.get(event, HookKind.OTHER),
        session=said.text("session_id"),
        folder=said.text("cwd"),
        model=said.inner("llm_request").text("model"),
        prompt=said.text("prompt"),
        response=said.text("prompt_response"),
        tool_name=said.text("tool_name"),
        tool_call_id=said.text("tool_use_id", "tool_call_id"),
        tool_arguments=said.parsed("tool_input"),
        tool_result=said.value("tool_response"),
        error=error,
        is_failed=bool(error),
    )
