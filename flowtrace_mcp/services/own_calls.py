"""Calls of our own tools told as spans: in the trace of the agent that called, once it is there.

Claude Code says the id of its call and exports its own span of it seconds later, maybe after our
process has ended. Until then the call has a trace of its own; when the agent's span has come, the
claims take that trace out in the same transaction, and whoever does the background work puts
the spans below the agent's.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.own_spans import OwnSpans, Place
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.ingest.span_claims import told_by
from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from flowtrace_mcp.model.own_call import AttributeText, OwnCall, OwnWork, call_claims
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.model.span_write import TIMED, Authority, ToldBeside
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.self_traces import ToolRun
from flowtrace_mcp.storage.own_call_store import Teller
from flowtrace_mcp.storage.own_calls import WaitingCall

# An agent's exporter and its hooks are done by then, a retry of theirs included.
WAIT_LIMIT_US: Final = 600_000_000
SEED_BYTES: Final = 16
OPERATIONS: Final[Mapping[str, str]] = {
    "remember": "upsert_memory",
    "recall": "search_memory",
    "forget": "delete_memory",
}
_NONE: Final = int(Authority.SERVER)
_BEST: Final = int(Authority.TELEMETRY)


class OwnCalls:
    """Tells of calls in the file of the program; for one thread.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._spans = OwnSpans()
        self._pipeline = Pipeline(context.store, context.now_us, context.prices, context.unsettled)

    def tell(self, runs: Sequence[ToolRun]) -> None:
        """Store the spans of some calls; keep those of which the agent may yet tell.

        Raises:
            FlowtraceError: The file does not take them.
        """
        has_content = self._context.settings.self_traces == "content"
        redactor = Redactor(own=self._context.settings.redact) if has_content else None
        seeds = (self._context.random_bytes(SEED_BYTES) for _ in runs)
        calls = [own_call_of(run, seed, redactor) for run, seed in zip(runs, seeds, strict=True)]
        tellers = self._tellers([(call, _NONE) for call in calls])
        self._store(list(zip(calls, tellers, strict=True)))
        waiting = [
            _waiting(call, teller.authority if teller else _NONE)
            for call, teller in zip(calls, tellers, strict=True)
            if call.call and not (teller and teller.authority == _BEST)
        ]
        if waiting:
            self._context.store.own_calls.insert_waiting(waiting)

    def join_waiting(self) -> int:
        """Put calls below their agent's spans that have come since; return how many were put.

        Raises:
            FlowtraceError: The file does not take them; they wait on.
        """
        kept = self._context.store.own_calls
        joined: list[tuple[OwnCall, Teller]] = []
        gone: list[int] = []
        listed = kept.list_waiting()
        calls = [msgspec.msgpack.decode(waiting.call, type=OwnCall) for waiting in listed]
        tellers = self._tellers(
            [(call, waiting.authority) for call, waiting in zip(calls, listed, strict=True)]
        )
        for waiting, call, teller in zip(listed, calls, tellers, strict=True):
            if teller is not None:
                joined.append((call, teller))
            if self._is_over(waiting, teller):
                gone.append(waiting.call_id)
        if joined:
            self._store(joined)
            kept.insert_waiting([_waiting(call, teller.authority) for call, teller in joined])
        if gone:
            kept.delete_waiting(gone)
        return len(joined)

    def _is_over(self, waiting: WaitingCall, teller: Teller | None) -> bool:
        if teller is not None and teller.authority == _BEST:
            return True
        return self._context.now_us() - waiting.end_us > WAIT_LIMIT_US

    def _tellers(self, known: Sequence[tuple[OwnCall, int]]) -> list[Teller | None]:
        """Return the agent's span of each call that has more than a given authority."""
        told = [
            ToldBeside(
                session=call.session,
                span_id=bytes(SPAN_ID_BYTES),
                start_us=call.start_ns // 1000,
                duration_us=(call.end_ns - call.start_ns) // 1000,
                claims=call_claims(call.call),
                authority=Authority(authority),
            )
            for call, authority in known
        ]
        return self._context.store.own_calls.list_tellers(told)

    def _store(self, told: Sequence[tuple[OwnCall, Teller | None]]) -> None:
        placed = [(call, _place_of(call, teller)) for call, teller in told]
        self._pipeline.traces(self._spans.request(placed), PayloadEncoding.PROTOBUF)


def _place_of(call: OwnCall, teller: Teller | None) -> Place:
    if teller is None:
        return Place(trace_id=call.trace_id, parent_span_id=call.span_id)
    # Inside the agent's trace, what the client itself names is the nearer parent.
    is_inside = call.trace_id == teller.trace_id
    return Place(
        trace_id=teller.trace_id,
        parent_span_id=call.span_id if is_inside else teller.span_id,
        session=teller.session,
        told_by=told_by(teller.authority),
    )


def _waiting(call: OwnCall, authority: int) -> WaitingCall:
    return WaitingCall(
        call_id=int.from_bytes(call.seed[:8], "big", signed=True),
        end_us=call.end_ns // 1000,
        authority=authority,
        call=msgspec.msgpack.encode(call),
    )


def own_call_of(run: ToolRun, seed: bytes, redactor: Redactor | None) -> OwnCall:
    """Return a call as it is told.

    Args:
        run: The call.
        seed: 16 random bytes.
        redactor: Cleans its texts; None = texts are left out.
    """
    has_parent = len(run.trace_id) == TRACE_ID_BYTES and len(run.span_id) == SPAN_ID_BYTES
    # An agent that names its session and not its calls is found by the tool and the time.
    call = run.tool_call_id or (f"{TIMED}{run.tool}" if run.is_agent_session else "")
    return OwnCall(
        seed=seed,
        name=f"tools/call {run.tool}",
        start_ns=run.start_ns,
        end_ns=run.end_ns,
        session=run.session,
        attributes=_call_attributes(run, redactor),
        error_code=run.error_code,
        work=_work_of(run, redactor),
        trace_id=run.trace_id if has_parent else b"",
        span_id=run.span_id if has_parent else b"",
        call=call,
    )


def _call_attributes(run: ToolRun, redactor: Redactor | None) -> dict[str, AttributeText]:
    attributes: dict[str, AttributeText] = {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": run.protocol,
        "mcp.session.id": run.http_session or "",
        "jsonrpc.request.id": run.request_id,
        "network.transport": "pipe" if run.http_session is None else "tcp",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": run.tool,
        "gen_ai.tool.call.id": run.tool_call_id,
        "gen_ai.agent.name": run.agent,
    }
    if redactor is not None:
        attributes["gen_ai.tool.call.arguments"] = _json(run.arguments, redactor)
        attributes["gen_ai.tool.call.result"] = _json(run.answer, redactor)
    return attributes


def _work_of(run: ToolRun, redactor: Redactor | None) -> OwnWork | None:
    operation = OPERATIONS.get(run.tool)
    if operation is None or run.work_ns is None:
        return None
    answer = run.answer or {}
    attributes: dict[str, AttributeText] = {
        "gen_ai.operation.name": operation,
        "gen_ai.memory.store.id": run.store,
    }
    if isinstance(answer.get("id"), str):
        attributes["gen_ai.memory.record.id"] = answer["id"]
    if isinstance(answer.get("memories"), list):
        attributes["gen_ai.memory.record.count"] = len(answer["memories"])
    if redactor is not None:
        attributes["gen_ai.memory.records"] = _json(answer.get("memories"), redactor)
        attributes["gen_ai.memory.query.text"] = redactor.text(str(run.arguments.get("query", "")))
    start_ns, end_ns = run.work_ns
    return OwnWork(operation=operation, start_ns=start_ns, end_ns=end_ns, attributes=attributes)


def _json(value: Any, redactor: Redactor) -> str:
    if not value:
        return ""
    try:
        clean = redactor.tree({"": value})[""]
    except InputError:  # arguments that were refused may nest as deep as they like
        return ""
    return msgspec.json.encode(clean).decode()
