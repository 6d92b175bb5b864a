"""Cline's hook events: one task is a session, and each event has a block of its own name."""

from typing import Final

from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said

AGENT: Final = "cline"
EVENTS: Final = {
    "TaskStart": HookKind.SESSION_START,
    "TaskResume": HookKind.SESSION_START,
    "UserPromptSubmit": HookKind.PROMPT,
    "PreToolUse": HookKind.TOOL_START,
    "PostToolUse": HookKind.TOOL_END,
    "TaskComplete": HookKind.TURN_END,
    "TaskCancel": HookKind.TURN_END,
    "TaskError": HookKind.TURN_END,
}


def parse(said: Said) -> HookEvent:
    """Return an event's meaning."""
    event = said.text("hookName")
    told = said.inner(event[:1].lower() + event[1:])
    is_failed = told.is_false("success") or event == "TaskError"
    return HookEvent(
        agent=AGENT,
        event=event,
        kind=EVENTS.get(event, HookKind.OTHER),
        session=said.text("taskId"),
        folder=said.first("workspaceRoots"),
        model=said.text("model") or said.inner("model").text("slug"),
        prompt=told.text("prompt"),
        tool_name=told.text("toolName", "tool"),
        tool_arguments=told.parsed("parameters"),
        tool_result=told.value("result"),
        error=told.text("error") or (told.text("result") if is_failed else ""),
        is_failed=is_failed,
        duration_us=told.duration_us("executionTimeMs", "durationMs"),
    )
