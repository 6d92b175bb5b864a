"""What a session file tells, in one shape for all agents, and the spans that it stands for."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from flowtrace_mcp.ingest.span_claims import TRANSCRIPTS_SCOPE
from flowtrace_mcp.ingest.told_spans import (
    ERROR,
    OK,
    TURN,
    digest,
    pairs_of,
    span_id_of,
    times_of,
    trace_id_of,
)
from flowtrace_mcp.model.ids import SPAN_ID_BYTES
from flowtrace_mcp.model.telemetry import AttributeValue

ERROR_CHARACTERS: Final = 500
Kind = Literal["turn", "model", "tool"]


class ToldSpan(msgspec.Struct, frozen=True, kw_only=True):
    """A turn, a call of a model or the run of a tool, as far as the file tells it."""

    kind: Kind
    agent: str
    session: str
    turn: str  # one prompt and all that follows from it
    key: str  # of a call: what tells it from every other of the agent
    above: str = ""  # the key of the tool that it ran under; "" = under the turn
    name: str
    start_us: int
    end_us: int
    error: str = ""
    version: str = ""  # of the agent
    attributes: Mapping[str, AttributeValue] = {}

    @property
    def span_id(self) -> bytes:
        """Return the id of the span: that of a call is the same in whatever session it stands."""
        return bytes.fromhex(self._hex_id)

    @property
    def trace_id(self) -> bytes:
        """Return the id of the trace of its turn."""
        return bytes.fromhex(trace_id_of(self.agent, self.session, self.turn))

    @property
    def _hex_id(self) -> str:
        if self.kind == TURN:
            return span_id_of(self.agent, self.session, self.turn, TURN)
        return call_id_of(self.agent, self.key)


class Reader(Protocol):
    """Reads the lines of one file in their order."""

    folder: str  # where the agent worked
    can_begin_here: bool  # a reader that begins with the line just read misses nothing

    @property
    def session(self) -> str:
        """Return the session that the file is of, "" while it has not said so."""

    def read(self, line: bytes) -> Iterable[ToldSpan]:
        """Return the spans that are told whole with this line.

        Raises:
            InputError: It is no line of such a file.
        """

    def finish(self) -> Iterable[ToldSpan]:
        """Return the spans that are told as far as they go; the next line may tell more."""


def call_id_of(agent: str, key: str) -> str:
    """Return the span id in hex of a call of an agent."""
    return digest(SPAN_ID_BYTES, TRANSCRIPTS_SCOPE, agent, key)


def otlp_request(spans: Iterable[ToldSpan], scope: str = TRANSCRIPTS_SCOPE) -> bytes:
    """Return an ExportTraceServiceRequest in JSON.

    Args:
        spans: In any order.
        scope: Name of the instrumentation scope, by which the teller is known.
    """
    by_sender: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for span in spans:
        by_sender.setdefault((span.agent, span.version), []).append(_otlp_span(span))
    return msgspec.json.encode(
        {
            "resourceSpans": [
                {
                    "resource": {
                        "attributes": pairs_of({"service.name": agent, "service.version": version})
                    },
                    "scopeSpans": [{"scope": {"name": scope}, "spans": found}],
                }
                for (agent, version), found in by_sender.items()
            ]
        }
    )


def _otlp_span(span: ToldSpan) -> dict[str, Any]:
    parent = {}
    if span.above:
        parent = {"parentSpanId": call_id_of(span.agent, span.above)}
    elif span.kind != TURN and span.turn:
        parent = {"parentSpanId": span_id_of(span.agent, span.session, span.turn, TURN)}
    status = {"code": ERROR, "message": span.error} if span.error else {"code": OK}
    who = {"session.id": span.session, "turn.id": span.turn}
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        **parent,
        "name": span.name,
        **times_of(span.start_us, span.end_us),
        "status": status,
        "attributes": pairs_of({**who, **span.attributes}),
    }
