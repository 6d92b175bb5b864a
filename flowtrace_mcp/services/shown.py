"""Nothing twice in a session: what was shown unasked is not shown again."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from flowtrace_mcp.analytics.ranking import Ranked
from flowtrace_mcp.errors import BusyError, StorageError
from flowtrace_mcp.model.memory import Memory, MemoryFilter
from flowtrace_mcp.services.context import Context


def not_shown(context: Context, wanted: MemoryFilter, ranked: Sequence[Ranked]) -> list[Ranked]:
    """Return what the session has not seen yet; without a session, everything."""
    if not wanted.place.session or not ranked:
        return list(ranked)
    shown = context.store.memories.list_shown(wanted.place.session)
    return [one for one in ranked if one.key not in shown]


def note_shown(
    context: Context,
    wanted: MemoryFilter,
    handles: Sequence[str],
    memories: Mapping[int, Memory],
) -> None:
    """Keep what the session has now seen.

    Args:
        context: With the store.
        wanted: Names the session; without one nothing is kept.
        handles: Of what was shown.
        memories: Key -> memory, all of ``handles`` among them.
    """
    keys = [key for key, memory in memories.items() if memory.handle in handles]
    if wanted.place.session and keys:
        with suppress(StorageError, BusyError):  # reading goes on where writing cannot
            context.store.memories.insert_shown(wanted.place.session, keys, wanted.now_us)
