"""What a coding agent's span tells that its hooks tell too."""

from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.ingest.conventions import MODEL_CALLS
from flowtrace_mcp.model.own_call import (
    CALL_ATTRIBUTE,
    OWN_SCOPE,
    TOLD_BY_ATTRIBUTE,
    call_claims,
)
from flowtrace_mcp.model.span_facts import SpanFacts
from flowtrace_mcp.model.span_write import TIMED, Authority, ToldBeside
from flowtrace_mcp.model.telemetry import LogRecord, SpanRecord

_MEMORY_WORK: Final = ("search_memory", "upsert_memory", "delete_memory")
CLAIMED: Final = frozenset(("execute_tool", "invoke_agent", *_MEMORY_WORK, *MODEL_CALLS))
HOOKS_SCOPE: Final = "flowtrace.hooks"
TRANSCRIPTS_SCOPE: Final = "flowtrace.transcripts"
EVENTS_SCOPE: Final = "flowtrace.events"
# How the scopes of those agents begin that have hooks as well as OpenTelemetry.
_SCOPES: Final = (
    "com.anthropic.claude_code",
    "codex",
    "gemini-cli",
    HOOKS_SCOPE,
    TRANSCRIPTS_SCOPE,
    EVENTS_SCOPE,
)
_TURN: Final = "turn"
_CALLS: Final = "calls"  # of models
# Claude Code's spans do not name their turn; this event of a trace does.
_PROMPT_EVENTS: Final = frozenset(("user_prompt", "claude_code.user_prompt"))


def may_have_hooks(scope_name: str) -> bool:
    """Say whether a span of this scope comes from an agent that has hooks."""
    return scope_name.startswith(_SCOPES)


def may_claim(scope_name: str) -> bool:
    """Say whether spans of this scope claim anything at all: most senders' do not."""
    return scope_name == OWN_SCOPE or may_have_hooks(scope_name)


def claims_of(facts: SpanFacts, record: SpanRecord) -> tuple[str, ...]:
    """Return what a span of a session tells: a tool's run, a turn; nothing for other senders.

    A call's id and a turn's name are certain. Where one side gives none, the same tool at the same
    time is the same run, and a turn at the same time the same turn. Not all sides tell the id of a
    request to a model: who tells a turn better tells its calls, and who tells a call of the time.
    """
    if record.scope.name == OWN_SCOPE:
        call = record.attributes.get(CALL_ATTRIBUTE)
        return call_claims(call) if facts.session and isinstance(call, str) else ()
    if not facts.session or not may_have_hooks(record.scope.name):
        return ()
    if facts.operation in _MEMORY_WORK:
        return ()
    if facts.operation in MODEL_CALLS:
        return _claims_of_call(facts, record)
    if facts.operation == "execute_tool":
        certain = f"call {facts.tool_call_id}" if facts.tool_call_id else ""
        likely = f"{TIMED}{facts.tool_name}"
    else:
        certain = f"{_TURN} {facts.turn}" if facts.turn else ""
        likely = f"{TIMED}{TIMED}{_TURN}"
    return (certain, likely) if certain else (likely,)


def _claims_of_call(facts: SpanFacts, record: SpanRecord) -> tuple[str, ...]:
    is_file = record.scope.name == TRANSCRIPTS_SCOPE
    claims = (
        f"request {facts.response_id}" if facts.response_id else "",
        f"{_CALLS} {facts.turn}" if is_file and facts.turn else "",
        f"{TIMED}{TIMED}{_CALLS}",
    )
    return tuple(claim for claim in claims if claim)


def authority_of(record: SpanRecord, claims: Sequence[str]) -> Authority:
    """Return with what authority a span makes its claims."""
    scope = record.scope.name
    is_named = any(not claim.startswith(TIMED) for claim in claims)
    if scope == TRANSCRIPTS_SCOPE:
        return Authority.TRANSCRIPT
    if scope == EVENTS_SCOPE:
        return Authority.EVENT
    if scope == HOOKS_SCOPE:
        return Authority.HOOK_CALL if is_named else Authority.HOOK
    if scope == OWN_SCOPE:
        teller = record.attributes.get(TOLD_BY_ATTRIBUTE)
        return (
            _OF_TELLERS.get(teller, Authority.SERVER)
            if isinstance(teller, str)
            else Authority.SERVER
        )
    return Authority.TELEMETRY


def told_by(authority: int) -> str:
    """Return how the span of a call says which kind of span it was put under."""
    return next(name for name, known in _OF_TELLERS.items() if known == authority)


_OF_TELLERS: Final = {
    "transcript": Authority.TRANSCRIPT,
    "event": Authority.EVENT,
    "hook": Authority.HOOK,
    "hook_call": Authority.HOOK_CALL,
    "telemetry": Authority.TELEMETRY,
}


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
        claims=(f"{_TURN} {turn}", f"{_CALLS} {turn}"),
    )
