"""What has changed since a change, whichever process made it.

A number in the file counts the changes of trace rows, so that whoever looks on keeps no place in
the file and can go on from any number, after a restart too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.model.edge import unpack_edge
from flowtrace_mcp.storage import edges, meta, payloads, sessions, traces
from flowtrace_mcp.storage.contents import ContentCache
from flowtrace_mcp.storage.database import Database, Reader
from flowtrace_mcp.storage.sessions import SessionRollup
from flowtrace_mcp.storage.span_store import StoredSpan
from flowtrace_mcp.storage.traces import TraceRollup

_NUMBERS: Final = 2**64


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedTrace:
    """A trace that has changed, and the span of it that started last."""

    change_id: int
    rollup: TraceRollup
    latest: StoredSpan | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """Traces in the order of their changes, and the sessions that they are of."""

    traces: Sequence[ChangedTrace]
    sessions: Sequence[SessionRollup]


class ChangeStore:
    """Changes of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cache = ContentCache()

    def last_change(self) -> int:
        """Return the number of the last change, 0 before the first."""
        with self._database.reading() as reader:
            return int(meta.find_meta(reader, meta.CHANGE) or 0)

    def list_changed(self, after: int, limit: int) -> Changed:
        """Return at most ``limit`` traces that changed after a change, and their sessions."""
        with self._database.snapshot() as reader:
            found = traces.list_changed_traces(reader, after, limit)
            numbers = dict.fromkeys(one.session_id for _, one in found if one.session_id)
            return Changed(
                traces=[
                    ChangedTrace(
                        change_id=change_id,
                        rollup=rollup,
                        latest=self._latest(reader, rollup.trace_id),
                    )
                    for change_id, rollup in found
                ],
                sessions=_sessions_of(reader, numbers),
            )

    def _latest(self, reader: Reader, trace_id: bytes) -> StoredSpan | None:
        found = edges.find_latest_edge(reader, trace_id)
        if found is None:
            return None
        key, record = found
        payload = payloads.get_payloads(reader, [key], self._cache).get(key)
        return StoredSpan(edge=unpack_edge(record), payload=payload, usage=None)


def _sessions_of(reader: Reader, numbers: Collection[int]) -> list[SessionRollup]:
    found = [sessions.find_session(reader, number % _NUMBERS) for number in numbers]
    return [one for one in found if one is not None]
