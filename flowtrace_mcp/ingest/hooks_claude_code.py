"""Claude Code's hook events."""

from typing import Final

from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said

AGENT: Final = "claude-code"
EVENTS: Final = {
    "SessionStart": HookKind.SESSION_START,
    "SessionEnd": HookKind.SESSION_END,
    "UserPromptSubmit": HookKind.PROMPT,
    "PreToolUse": HookKind.TOOL_START,
    "PostToolUse": HookKind.TOOL_END,
    "PostToolUseFailure": HookKind.TOOL_END,
    "Stop": HookKind.TURN_END,
    "StopFailure": HookKind.TURN_END,
}
_FAILURES: Final = ("PostToolUseFailure", "StopFailure")


def parse(said: Said, agent: str = AGENT) -> HookEvent:
    """Return an event's meaning; Codex names its fields alike."""
    event = said.text("hook_event_name")
    return HookEvent(
        agent=agent,
        event=event,
        kind=EVENTS.get(event, HookKind.OTHER),
        session=said.text("session_id"),
        turn=said.text("prompt_id", "turn_id"),
        is_cut=event == "SessionStart" and said.text("source") == "compact",
        folder=said.text("cwd"),
        transcript=said.text("transcript_path"),
        model=said.text("model"),
        prompt=said.text("prompt"),
        response=said.text("last_assistant_message"),
        tool_name=said.text("tool_name"),
        tool_call_id=said.text("tool_use_id"),
        tool_arguments=said.parsed("tool_input"),
        tool_result=said.value("tool_response"),
        error=said.text("error", "error_details"),
        is_failed=event in _FAILURES,
        duration_us=said.duration_us("duration_ms"),
    )
