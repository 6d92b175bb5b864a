"""What finders look at: the last whole hours and the windows before, read once for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from flowtrace_mcp.analytics.anomalies import BASELINE_WINDOWS
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.calls import Call, Calls
from flowtrace_mcp.storage.use_hours import Dimension, UseFilter, UseSum

CALLS_READ_LIMIT: Final = 20_000
_GROUPS_LIMIT: Final = 1_000
_WINDOWS: Final = BASELINE_WINDOWS + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """Calls of the window, of those before it, and of the running hour after it."""

    context: Context
    project_id: int | None
    size_us: int  # of a window, in whole hours
    until_us: int  # end of the last whole hour
    model_calls: Calls
    tool_calls: Calls

    @property
    def since_us(self) -> int:
        """Return where the window that is looked at begins."""
        return self.until_us - self.size_us

    def sums(self, by: Dimension) -> list[dict[tuple[int, int], UseSum]]:
        """Return what was used in each window by the values of a dimension, the latest first."""
        found = []
        for back in range(_WINDOWS):
            wanted = UseFilter(
                since_us=self.until_us - (back + 1) * self.size_us,
                until_us=self.until_us - back * self.size_us,
                project_id=self.project_id,
            )
            rows = self.context.store.uses.list_uses(by, wanted, _GROUPS_LIMIT)
            found.append({(row.first, row.second): row for row in rows})
        return found

    def split(self, calls: Calls) -> list[list[Call]]:
        """Return the calls of each window, the latest first; none of one not read as a whole."""
        found: list[list[Call]] = [[] for _ in range(_WINDOWS)]
        for call in calls.calls:
            back = (self.until_us - 1 - call.start_us) // self.size_us
            if 0 <= back < _WINDOWS:
                found[back].append(call)
        read_from_us = calls.calls[-1].start_us if calls.is_cut and calls.calls else 0
        for back in range(_WINDOWS):
            if self.until_us - (back + 1) * self.size_us < read_from_us:
                found[back] = []
        return found

    def names(self, *numbers: int) -> Mapping[int, str]:
        """Return the strings of dictionary numbers."""
        return self.context.store.spans.get_strings(numbers)


def look_at_sums(context: Context, project_id: int | None, window_s: int) -> LookedAt:
    """Return the window, widened to whole hours, for finders that look at sums alone."""
    size_us = -(-window_s * 1_000_000 // HOUR_US) * HOUR_US
    now_us = context.now_us()
    nothing = Calls(calls=[], is_cut=False)
    return LookedAt(
        context=context,
        project_id=project_id,
        size_us=size_us,
        until_us=now_us - now_us % HOUR_US,
        model_calls=nothing,
        tool_calls=nothing,
    )


def look_at_calls(context: Context, project_id: int | None, window_s: int) -> LookedAt:
    """Return the window, those before it and the running hour, with their calls one by one."""
    looked = look_at_sums(context, project_id, window_s)
    wanted = UseFilter(
        since_us=looked.until_us - _WINDOWS * looked.size_us,
        until_us=context.now_us() + 1,
        project_id=project_id,
    )
    return replace(
        looked,
        model_calls=context.store.uses.list_model_calls(wanted, CALLS_READ_LIMIT),
        tool_calls=context.store.uses.list_tool_calls(wanted, CALLS_READ_LIMIT),
    )
