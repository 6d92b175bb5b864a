"""Calls of our own MCP server that wait for their agent's account, and what that account is."""

from collections.abc import Sequence
from typing import NamedTuple

import apsw

from flowtrace_mcp.model.edge import unpack_edge
from flowtrace_mcp.model.ids import to_signed
from flowtrace_mcp.model.span_write import ToldBeside
from flowtrace_mcp.storage import edges, own_calls, span_claims, strings
from flowtrace_mcp.storage.database import Database


class Teller(NamedTuple):
    """The agent's own span of a call."""

    trace_id: bytes
    span_id: bytes
    authority: int
    session: str


class OwnCallStore:
    """The calls that wait, in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert_waiting(self, calls: Sequence[own_calls.WaitingCall]) -> None:
        """Keep calls; of one that is known only the authority is new."""
        self._database.write(lambda c: own_calls.insert_waiting(c, calls))

    def list_waiting(self) -> list[own_calls.WaitingCall]:
        """Return the calls that wait, oldest first."""
        with self._database.reading() as reader:
            return own_calls.list_waiting(reader)

    def delete_waiting(self, call_ids: Sequence[int]) -> None:
        """Forget calls by id."""
        self._database.write(lambda c: own_calls.delete_waiting(c, call_ids))

    def list_tellers(self, told: Sequence[ToldBeside]) -> list[Teller | None]:
        """Return, for each of what is told, the stored span that tells it with more authority."""
        with self._database.reading() as reader:
            claims = span_claims.list_tellers(reader, told)
            return [None if claim is None else _teller(reader, claim) for claim in claims]


def _teller(reader: apsw.Connection, claim: span_claims.Claim) -> Teller | None:
    span_id = claim.span_id.to_bytes(8, "big", signed=True)
    found = edges.list_same_spans(reader, [claim.span_id])
    if not found:  # a log record tells it, and its trace comes later
        return None
    edge = unpack_edge(found[0][1])
    number = to_signed(edge.session_id)
    return Teller(
        trace_id=edge.trace_id,
        span_id=span_id,
        authority=claim.authority,
        session=strings.get_strings(reader, [number]).get(number, ""),
    )
