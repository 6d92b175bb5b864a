"""Calls of our own tools on their way to becoming spans, out of the way of whoever called.

A call is noted as it is and nothing is made of it on the thread that answers: a thread of its own
makes spans of what came together, and imports the means for it with the first call.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from flowtrace_mcp.errors import FlowtraceError

# The answer is on the wire, and what an agent calls at once comes together.
GATHER_S: Final = 0.3
# More in that time is no agent at work; the oldest go.
CALLS_LIMIT: Final = 512

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRun:
    """One call of a tool, as the thread that answered it saw it; times are ns since the epoch."""

    tool: str
    start_ns: int
    end_ns: int
    arguments: Mapping[str, Any]
    answer: Mapping[str, Any] | None  # None = it failed
    error_code: str = ""
    work_ns: tuple[int, int] | None = None  # when the use case ran, if it came to that
    session: str = ""
    is_agent_session: bool = False  # the agent itself named it
    agent: str = ""
    store: str = ""  # the caller's project
    tool_call_id: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    request_id: str = ""
    protocol: str = ""
    http_session: str | None = None  # None = over stdio


TakeRuns: TypeAlias = Callable[[Sequence[ToolRun]], None]


@dataclass(slots=True)
class SelfTraces:
    """Gathers calls and hands them over, a thread's first need starting it.

    Attributes:
        is_wanted: Whether calls are to be told at all; asked with every call.
        open_taker: Returns what makes spans of calls; raises FlowtraceError.
    """

    is_wanted: Callable[[], bool]
    open_taker: Callable[[], TakeRuns]
    _runs: deque[ToolRun] = field(default_factory=lambda: deque(maxlen=CALLS_LIMIT))
    _woken: threading.Event = field(default_factory=threading.Event)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _taker: TakeRuns | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, run: ToolRun) -> None:
        """Note a call; takes a few microseconds."""
        if self._stopping.is_set() or not self.is_wanted():
            return
        self._runs.append(run)
        self._woken.set()
        if self._thread is None:
            self._start()

    def stop(self, limit_s: float) -> None:
        """Hand over what is left if that is quickly done, and end.

        Args:
            limit_s: Most time to wait for it.
        """
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(limit_s)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="flowtrace-self-traces", daemon=True
                )
                self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.wait()
            self._stopping.wait(GATHER_S)
            self._woken.clear()
            self._hand_over()
        self._hand_over()

    def _hand_over(self) -> None:
        runs = []
        with suppress(IndexError):
            while True:
                runs.append(self._runs.popleft())
        try:
            if runs:
                self._taker = self._taker or self.open_taker()
                self._taker(runs)
        except FlowtraceError as error:  # telling of work never fails the work
            _log.info("%d calls of our own are not told: %s", len(runs), error)
        except Exception:  # noqa: BLE001 - the outer edge of the thread: later calls are told
            _log.exception("%d calls of our own are not told", len(runs))
