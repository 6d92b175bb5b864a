"""When each client last told something, and in which way: by OpenTelemetry or by its hooks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.clients.table import Client
from flowtrace_mcp.ingest.hook_reading import event_names
from flowtrace_mcp.ingest.hook_shape import HookKind
from flowtrace_mcp.ingest.span_claims import HOOKS_SCOPE, TRANSCRIPTS_SCOPE
from flowtrace_mcp.model.ids import signed_string_id
from flowtrace_mcp.model.own_call import OWN_SCOPE
from flowtrace_mcp.model.times import LATEST_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.trace_reading import decode_stored
from flowtrace_mcp.storage.sessions import SessionRollup
from flowtrace_mcp.storage.traces import Page

RECENT_SESSIONS: Final = 500
SESSIONS_LOOKED: Final = 5  # of a client, the newest ones
SPANS_LOOKED: Final = 100  # of a session, the newest ones
# Spans of these scopes were told in another way than by the client's OpenTelemetry.
_NOT_TELEMETRY: Final = (HOOKS_SCOPE, TRANSCRIPTS_SCOPE, OWN_SCOPE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """When a client was last heard of, in microseconds; None = not in its newest sessions."""

    seen_us: int | None = None
    traces_us: int | None = None
    hooks_us: int | None = None


def traffic_of(context: Context, clients: Sequence[Client]) -> dict[str, Traffic]:
    """Return what came from each client, by its name."""
    recent = context.store.spans.list_sessions(Page(limit=RECENT_SESSIONS))
    return {client.name: _traffic(context, client, recent) for client in clients}


def _traffic(context: Context, client: Client, recent: Sequence[SessionRollup]) -> Traffic:
    names = {signed_string_id(name) for name in (*client.seen_as, client.agent) if name}
    own = [session for session in recent if session.agent_id in names][:SESSIONS_LOOKED]
    said = context.store.spans.get_strings(session.session_id for session in own)
    sessions = [said[one.session_id] for one in own if said.get(one.session_id)]
    return Traffic(
        seen_us=max((session.end_us for session in own), default=None),
        traces_us=max(
            (at_us for one in sessions if (at_us := _telemetry_us(context, one))), default=None
        ),
        hooks_us=max(
            (at_us for one in sessions if (at_us := _hook_us(context, one))), default=None
        ),
    )


def _telemetry_us(context: Context, session: str) -> int:
    """Return when the newest span of a session that came by OpenTelemetry ended, 0 = none did."""
    keyed = context.store.spans.list_edges((0, LATEST_US), SPANS_LOOKED, session=session)
    decoded = map(decode_stored, context.store.spans.get_spans(keyed))
    ends = [
        record.start_us + record.duration_us
        for record, _ in filter(None, decoded)
        if record.scope.name not in _NOT_TELEMETRY
    ]
    return max(ends, default=0)


def _hook_us(context: Context, session: str) -> int:
    """Return when the newest event of a session came by a hook, 0 = none did."""
    found = context.store.list_session_events(session, event_names(*HookKind), (0, LATEST_US), 1)
    return found[0].time_us if found else 0
