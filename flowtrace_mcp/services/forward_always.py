"""Forwarding for as long as a process listens, where a setting names an endpoint."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.ingest.otlp_sending import endpoint_of
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.forward import Forwarder, headers_of, refuse_ourselves

PERIOD_S: Final = 2.0
# A forwarding that is refused for good is tried anew: tokens and addresses are mended.
AFTER_FAILURE_S: Final = 60.0

_log: Final = logging.getLogger(__name__)


class AlwaysForward:
    """Forwards on a thread of its own, until the program stops.

    Args:
        context: The means of the program.
        stopping: Is set when the program ends.
        is_ours: Says whether this process is the one that does the background work.
    """

    def __init__(
        self, context: Context, stopping: threading.Event, is_ours: Callable[[], bool]
    ) -> None:
        self._context = context
        self._stopping = stopping
        self._is_ours = is_ours
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="flowtrace-forward", daemon=True)

    @property
    def problem(self) -> str:
        """Return what keeps it from forwarding, "" when nothing does."""
        return self._said

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self, limit_s: float) -> None:
        """Wait for the end, once the program stops."""
        self._thread.join(limit_s)

    def _run(self) -> None:
        pause_s = 0.0
        while not self._stopping.wait(pause_s):
            pause_s = PERIOD_S
            if not self._is_ours():
                continue
            try:
                self._forwarder().run()
                self._said = ""
            except FlowtraceError as error:
                pause_s = AFTER_FAILURE_S
                self._say(str(error))
            except Exception:  # noqa: BLE001 - the outer edge of the thread: forwarding goes on
                pause_s = AFTER_FAILURE_S
                self._said = "forwarding failed; see the log file"
                _log.exception("forwarding failed")

    def _forwarder(self) -> Forwarder:
        settings = self._context.settings
        endpoint = endpoint_of(settings.forward_endpoint, headers_of(settings.forward_headers))
        refuse_ourselves(settings, endpoint)
        return Forwarder(
            context=self._context,
            endpoint=endpoint,
            wait=self._stopping.wait,
            patience_s=AFTER_FAILURE_S,
        )

    def _say(self, text: str) -> None:
        said = f"forwarding waits: {text}"
        if said != self._said:
            _log.warning(said)
        self._said = said
