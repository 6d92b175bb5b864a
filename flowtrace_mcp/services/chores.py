"""What the one process that does the background work does every second or so, in its order."""

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.hook_spool import HookSpool
from flowtrace_mcp.services.keeping import Keeping
from flowtrace_mcp.services.recount import StaleHours
from flowtrace_mcp.services.settle_costs import settle_waiting
from flowtrace_mcp.services.span_indexing import SpanIndexing
from flowtrace_mcp.services.upkeep import Upkeep


class Chores:
    """Each goes on where its last run ended, and leaves room for the others."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._spool = HookSpool(context)
        self._upkeep = Upkeep(context)
        self._stale = StaleHours(context)
        self._indexing = SpanIndexing(context)
        self._keeping = Keeping(context)

    def run_once(self) -> None:
        """Take up what hooks left, embed, settle costs, count again, let go what is old, index."""
        self._spool.run_once()
        self._upkeep.run_once()
        settle_waiting(self._context)
        self._stale.run_once()
        self._keeping.run_once()
        self._indexing.run_once()
