"""Codex's hook events: Claude Code's names, and an interruption besides."""

from typing import Final

from msgspec.structs import replace

from flowtrace_mcp.ingest import hooks_claude_code
from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind, Said

AGENT: Final = "codex"
EVENTS: Final = {
    "SessionStart": HookKind.SESSION_START,
    "SessionEnd": HookKind.SESSION_END,
    "UserPromptSubmit": HookKind.PROMPT,
    "PreToolUse": HookKind.TOOL_START,
    "PostToolUse": HookKind.TOOL_END,
    "Stop": HookKind.TURN_END,
    "Interrupt": HookKind.TURN_END,
}


def parse(said: Said) -> HookEvent:
    """Return an event's meaning."""
    event = hooks_claude_code.parse(said, AGENT)
    return replace(event, kind=EVENTS.get(event.event, HookKind.OTHER))
