"""What the one process that does the background work does every second or so, in its order."""

import importlib
from typing import TYPE_CHECKING

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.keeping import Keeping
from flowtrace_mcp.services.recount import StaleHours
from flowtrace_mcp.services.settle_costs import settle_waiting
from flowtrace_mcp.services.span_indexing import SpanIndexing
from flowtrace_mcp.services.spool_state import is_waiting
from flowtrace_mcp.services.upkeep import Upkeep

if TYPE_CHECKING:
    from flowtrace_mcp.services.hook_spool import HookSpool


class Chores:
    """Each goes on where its last run ended, and leaves room for the others."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._spool: HookSpool | None = None
        self._upkeep = Upkeep(context)
        self._stale = StaleHours(context)
        self._indexing = SpanIndexing(context)
        self._keeping = Keeping(context)

    def run_once(self) -> None:
        """Take up what hooks left, embed, settle costs, count again, let go what is old, index."""
        self._take_up_hooks()
        self._upkeep.run_once()
        settle_waiting(self._context)
        self._stale.run_once()
        self._keeping.run_once()
        self._indexing.run_once()

    def _take_up_hooks(self) -> None:
        """Take up what hooks left; what takes it is loaded when something waits."""
        if self._spool is None:
            if not is_waiting(self._context.settings.home):
                return
            module = importlib.import_module("flowtrace_mcp.services.hook_spool")
            self._spool = module.HookSpool(self._context)
        self._spool.run_once()
