"""What sessions did after a call of a tool failed, and how the same call came to work."""

from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.services.tool_runs import ToolRun
from flowtrace_mcp.services.trace_reading import ReadSpan
from flowtrace_mcp.services.views.rows import end_of

# What lies between a failure and the same call's success, at most so many names of it.
BETWEEN_LIMIT: Final = 3
_US_A_SECOND: Final = 1_000_000
_Key = tuple[bytes, bytes]  # trace id, span id


class Afterwards:
    """What sessions did after a call of a tool failed.

    Args:
        runs: Tool calls by start.
    """

    def __init__(self, runs: Sequence[ToolRun]) -> None:
        self._sessions: dict[str, list[ToolRun]] = {}
        self._places: dict[_Key, tuple[list[ToolRun], int]] = {}
        for run in runs:
            session = self._sessions.setdefault(run.session, [])
            self._places[_key(run.span)] = (session, len(session))
            session.append(run)
        self._mended = self._next_successes()

    def _next_successes(self) -> dict[_Key, int]:
        """Return span -> where in its session the same call worked for the first time after."""
        found: dict[_Key, int] = {}
        for session in self._sessions.values():
            worked: dict[tuple[str, str], int] = {}
            for at in range(len(session) - 1, -1, -1):
                run = session[at]
                call = (run.name, run.arguments_text)
                if call in worked:
                    found[_key(run.span)] = worked[call]
                if not run.is_error:
                    worked[call] = at
        return found

    def mended(self, failed: ReadSpan) -> str:
        """Return how the same call came to work later in its session, "" where it did not."""
        mended = self._mended.get(_key(failed))
        if mended is None:
            return ""
        session, at = self._places[_key(failed)]
        waited_s = (session[mended].span.record.start_us - end_of(failed)) / _US_A_SECOND
        between = _titles(session[at + 1 : mended])
        told = f"; between: {', '.join(between)}" if between else ""
        return f"the same call worked {max(waited_s, 0):.1f} s later{told}"

    def said_of(self, failed: ReadSpan) -> str:
        """Return what came after a failed span, "" for what is no tool call."""
        if _key(failed) not in self._places:
            return ""
        session, at = self._places[_key(failed)]
        if mended := self.mended(failed):
            return mended
        if at + 1 == len(session):
            return "nothing"
        after = session[at + 1]
        return f"then {after.title} {'failed' if after.is_error else 'worked'}"


def _key(span: ReadSpan) -> _Key:
    return span.record.trace_id, span.record.span_id


def _titles(runs: Sequence[ToolRun]) -> list[str]:
    """Return what the last of some runs that worked were called for, in their order."""
    found: dict[str, None] = {}
    for run in reversed(runs):
        if len(found) == BETWEEN_LIMIT:
            break
        if not run.is_error:
            found[run.title] = None
    return list(reversed(found))
