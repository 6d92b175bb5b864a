"""Retention in the background, a few seconds at a time; and what an erasure still owes."""

from typing import Final

from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.pause import Pause
from flowtrace_mcp.services.retention import Enforcement

PERIOD_US: Final = HOUR_US
SIZE_PERIOD_US: Final = 10_000_000  # agents write gigabytes in an hour; looking costs a pragma
RUN_LIMIT_US: Final = 3_000_000


class Keeping:
    """Runs the rules once an hour and when the file is too large.

    A run that did not come to its end goes on at once.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pause = Pause()
        self._size_pause = Pause()

    def run_once(self) -> None:
        """Do what is due, for a few seconds."""
        finish_owed(self._context)
        began_us = self._context.now_us()
        if self._pause.holds(began_us) and not self._is_too_large(began_us):
            return
        was_cut = False

        def is_over() -> bool:
            nonlocal was_cut
            was_cut = self._context.now_us() - began_us > RUN_LIMIT_US
            return was_cut

        Enforcement(context=self._context, stop=is_over).run()
        self._pause.begin(began_us, 0 if was_cut else began_us + PERIOD_US)
        self._size_pause.begin(began_us, began_us + SIZE_PERIOD_US)

    def _is_too_large(self, now_us: int) -> bool:
        most = self._context.settings.retention_bytes
        if not most or self._size_pause.holds(now_us):
            return False
        self._size_pause.begin(now_us, now_us + SIZE_PERIOD_US)
        return self._context.store.retention.used_bytes() > most


def finish_owed(context: Context) -> bool:
    """Empty the log that an erasure could not empty; say whether nothing is owed any more."""
    store = context.store.erasure
    return not store.owes_log() or store.empty_log()
