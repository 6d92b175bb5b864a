"""What a coding agent's span tells that its hooks tell too."""

from typing import Final

from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.span_write import TIMED, ToldBeside
from flowtrace_mcp.model.telemetry import LogRecord, SpanRecord

CLAIMED: Final = frozenset(("execute_tool", "invoke_agent"))
HOOKS_SCOPE: Final = "flowtrace.hooks"
# How the scopes of those agents begin that have hooks as well as OpenTelemetry.
_SCOPES: Final = ("com.anthropic.claude_code", "codex", "gemini-cli", HOOKS_SCOPE)
_TURN: Final = "turn"
# Claude Code's spans do not name their turn; this event of a trace does.
_PROMPT_EVENTS: Final = frozenset(("user_prompt", "claude_code.user_prompt"))


def may_have_hooks(scope_name: str) -> bool:
    """Say whether a span of this scope comes from an agent that has hooks."""
    return scope_name.startswith(_SCOPES)


def claims_of(facts: SpanFacts, record: SpanRecord) -> tuple[str, ...]:
    """Return what a span of a session tells: a tool's run, a turn; nothing for other senders.

    A call's id and a turn's name are certain. Where one side gives none, the same tool at the same
    time is the same run, and a turn at the same time the same turn.
    """
    if not facts.session or not may_have_hooks(record.scope.name):
        return ()
    if facts.operation == "execute_tool":
        certain = f"call {facts.tool_call_id}" if facts.tool_call_id else ""
        likely = f"{TIMED}{facts.tool_name}"
    else:
        certain = f"{_TURN} {facts.turn}" if facts.turn else ""
        likely = f"{TIMED}{TIMED}{_TURN}"
    return (certain, likely) if certain else (likely,)


def told_beside(record: LogRecord, session: str) -> ToldBeside | None:
    """Return which turn a log record says its trace tells, None for nearly every record."""
    if record.event_name not in _PROMPT_EVENTS or not (record.trace_id and session):
        return None
    turn = record.attributes.get("prompt.id")
    if not turn or not isinstance(turn, str):
        return None
    return ToldBeside(
        session=session,
        span_id=record.span_id or record.trace_id[8:],
        start_us=record.time_us,
        claims=(f"{_TURN} {turn}",),
    )
