"""The composition root: builds every object once, joins them, and ends them.

Whole features are imported late here, and only here: the first answer to an MCP client must not
wait for a database, a port, numpy or a model.
"""

import logging
import logging.handlers
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.settings import Settings, load_settings

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from flowtrace_mcp.model.vector import VectorCode
    from flowtrace_mcp.rest.listener import Listener
    from flowtrace_mcp.services.budget_watch import BudgetWatch
    from flowtrace_mcp.services.context import Context
    from flowtrace_mcp.services.forward_always import AlwaysForward
    from flowtrace_mcp.services.own_calls import OwnCalls
    from flowtrace_mcp.services.scheduled_backups import ScheduledBackups
    from flowtrace_mcp.services.self_traces import SelfTraces, TakeRuns
    from flowtrace_mcp.services.status import ListenerFacts
    from flowtrace_mcp.tools.running import ToolRunner

UPKEEP_PERIOD_S: Final = 1.0
# A first question waits this long to learn whether another process of ours has the model.
SETTLE_LIMIT_S: Final = 1.5
LEASE_US: Final = 10_000_000
# What a process that ends gives the spans of its last calls; clients kill it after 100 ms.
LAST_SPANS_S: Final = 0.03
# A request of 512 spans makes more objects than the collector's default looks at, all of them
# gone with the answer: looking less often is a tenth of ingest (``bench/ingest.py``).
GC_OBJECTS: Final = (20_000, 20, 100)
LOG_FILE_BYTES: Final = 1024 * 1024
LOG_FILES: Final = 2

_log: Final = logging.getLogger("flowtrace")
_module_log: Final = logging.getLogger("flowtrace_mcp")  # above those that modules name after them


class Application:
    """One process of Flowtrace: its settings, its store, its share of the listener.

    Args:
        environ: Environment variables.
        db_path: What the command line said, or None.
        listen: Whether this process may serve ports at all.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        *,
        db_path: Path | None = None,
        listen: bool = True,
    ) -> None:
        self.environ = environ
        self._db_path = db_path
        self._listen = listen
        self._lock = threading.Lock()
        self._start_lock = threading.Lock()  # never held while a file is opened
        self._context: Context | None = None
        self._runner: ToolRunner | None = None
        self._listener: Listener | None = None
        self._self_traces: SelfTraces | None = None
        self._joiner: OwnCalls | None = None
        self._forward: AlwaysForward | None = None
        self._backups: ScheduledBackups | None = None
        self._budgets: BudgetWatch | None = None
        self._stopping = threading.Event()
        self._warm = threading.Event()
        self._ended = threading.Event()
        self._problem: FlowtraceError | None = None
        self._refusal: FlowtraceError | None = None  # why this process may not go on at all
        self._threads: list[threading.Thread] = []

    @property
    def settings(self) -> Settings:
        """Return the settings, read anew until they can be read.

        Raises:
            SettingsError: The settings file or a variable is wrong.
        """
        if self._context is not None:
            return self._context.settings
        return load_settings(self.environ, db_path=self._db_path)

    def context(self) -> "Context":
        """Return the means of the program, opening the database on first need.

        Raises:
            FlowtraceError: The settings or the file are wrong; mended, the next call succeeds.
        """
        with self._lock:
            if self._context is None:
                self._context = self._open()
            return self._context

    def _open(self) -> "Context":
        from flowtrace_mcp.ingest.price_book import PriceBook
        from flowtrace_mcp.services.context import Context
        from flowtrace_mcp.services.meaning import Meaning
        from flowtrace_mcp.storage.store import Store

        settings = load_settings(self.environ, db_path=self._db_path)
        settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _log_to(settings)
        return Context(
            settings=settings,
            store=Store(settings.db_path, now_us, durable=settings.span_durability == "full"),
            meaning=Meaning(settings.embedder, self._encode_elsewhere),
            now_us=now_us,
            random_bytes=os.urandom,
            prices=PriceBook(settings.home),
        )

    def warm_up(self) -> None:
        """Open the file, take the ports and begin the background work, on a thread."""
        with self._start_lock:
            if self._threads:
                return
            thread = threading.Thread(target=self._run, name="flowtrace-upkeep", daemon=True)
            self._threads.append(thread)
        thread.start()

    def wait_until_warm(self, limit_s: float) -> bool:
        """Wait until it is known who listens; say whether it is."""
        return self._warm.wait(limit_s)

    def listener_facts(self) -> "ListenerFacts":
        """Return who serves which port, as far as this process knows."""
        from flowtrace_mcp.services.status import ListenerFacts

        forwarding = self._forward.problem if self._forward else ""
        backups = self._backups.problem if self._backups else ""
        told = (self._refusal, self._problem, forwarding, backups)
        problems = tuple(str(error) for error in told if error)
        if self._listener is None:
            return ListenerFacts(problems=problems)
        state = self._listener.state()
        return ListenerFacts(
            owner_pid=state.owner_pid,
            is_here=state.is_owner,
            rest_port=state.rest_port,
            otlp_http_port=state.otlp_http_port,
            otlp_grpc_port=state.otlp_grpc_port,
            problems=(*problems, *state.problems),
        )

    def mcp_server(self) -> "Server[Any]":
        """Return an MCP server over this program; it has opened nothing yet."""
        from flowtrace_mcp.tools.server import build_server

        return build_server(self.tool_runner, lambda: self.settings.tools, on_listed=self.warm_up)

    def tool_runner(self) -> "ToolRunner":
        """Return what runs the tools, importing them on first need."""
        from flowtrace_mcp.services.self_traces import SelfTraces
        from flowtrace_mcp.tools.calling import Callers
        from flowtrace_mcp.tools.running import ToolRunner

        if self._runner is None:
            callers = Callers(self.environ, Path.cwd(), f"mcp-{os.urandom(8).hex()}")
            self._self_traces = SelfTraces(self._tells_of_itself, self._open_own_calls)
            self._runner = ToolRunner(
                self.context, self.listener_facts, callers, self._self_traces.note
            )
        return self._runner

    def _tells_of_itself(self) -> bool:
        """Say whether calls of our tools are to be spans; not before the file is open."""
        return self._context is not None and self._context.settings.self_traces != "off"

    def _open_own_calls(self) -> "TakeRuns":
        from flowtrace_mcp.services.own_calls import OwnCalls

        return OwnCalls(self.context()).tell

    def serve_stdio(self) -> None:
        """Serve MCP on stdin and stdout until the client goes; does not return."""
        from flowtrace_mcp.tools.server import serve_stdio

        serve_stdio(self.mcp_server(), self.leave)

    def serve_forever(self) -> None:
        """Serve the listener in the foreground until SIGINT or SIGTERM; then does not return.

        Raises:
            FlowtraceError: The mode is ``required`` and this process cannot listen.
        """
        import signal

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._ended.set())
        self.warm_up()
        self._ended.wait()
        if self._refusal is not None:
            raise self._refusal
        self.leave()

    def leave(self) -> NoReturn:
        """End the process at once: clients kill a server 100 ms after they ask it to go.

        What was answered is on disk, and the commit under way is finished; nothing is unwound.
        """
        self.stop()
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(0)

    def stop(self) -> None:
        """Finish the commit under way and let go; for an exit that cannot wait."""
        self._stopping.set()
        if self._self_traces is not None:
            self._self_traces.stop(LAST_SPANS_S)
        if self._context is not None:
            self._context.store.stop_writing()

    def close(self) -> None:
        """End everything in order; for commands and tests."""
        self.stop()
        if self._listener is not None:
            self._listener.stop()
        for thread in self._threads:
            thread.join(timeout=5)
        if self._forward is not None:
            self._forward.join(5)
        if self._backups is not None:
            self._backups.join(5)
        if self._budgets is not None:
            self._budgets.close()
        if self._context is not None:
            self._context.store.close()
            self._context = None

    def _run(self) -> None:
        """Do the background work until the process ends; one failure does not end it."""
        with suppress(FlowtraceError):
            self._start_listener()
        self._warm.set()
        from flowtrace_mcp.services.chores import Chores

        chores: Chores | None = None
        while not self._stopping.wait(UPKEEP_PERIOD_S if self._warm.is_set() else 0):
            self._heed_listener()
            try:
                chores = chores or Chores(self.context())
                if self._does_upkeep():
                    chores.run_once()
                    self._join_own_calls()
                    self._keep_forwarding()
                    self._keep_backups()
                    self._watch_budgets()
                self._problem = None
            except FlowtraceError as error:
                if self._problem is None:
                    _log.warning("background work waits: %s", error)
                self._problem = error
            except Exception:  # noqa: BLE001 - the outer edge of the thread: the work goes on
                _log.exception("background work failed")

    def _does_upkeep(self) -> bool:
        """Say whether this process is the one: the listener's owner, else who has the lease."""
        facts = self.listener_facts()
        if facts.owner_pid is not None:
            return facts.is_here
        return self.context().store.take_lease("upkeep", f"pid-{os.getpid()}", LEASE_US)

    def _join_own_calls(self) -> None:
        """Put calls of our tools into their agent's trace; without any, nothing is imported."""
        if not self.context().store.own_calls.list_waiting():
            return
        from flowtrace_mcp.services.own_calls import OwnCalls

        self._joiner = self._joiner or OwnCalls(self.context())
        self._joiner.join_waiting()

    def _keep_forwarding(self) -> None:
        """Forward on a thread, where an endpoint is set and this is the process to do it."""
        if self._forward is not None or not self.settings.forward_endpoint:
            return
        from flowtrace_mcp.services.forward_always import AlwaysForward

        self._forward = AlwaysForward(self.context(), self._stopping, self._does_upkeep)
        self._forward.start()

    def _keep_backups(self) -> None:
        """Make the backup that is due, where a setting asks for any."""
        if not self.settings.backup_hours:
            return
        from flowtrace_mcp.services.scheduled_backups import ScheduledBackups

        self._backups = self._backups or ScheduledBackups(self.context())
        self._backups.run_once()

    def _watch_budgets(self) -> None:
        """Look at what is spent; without any budget, nothing is imported."""
        if not self.context().store.budgets.has_any():
            return
        from flowtrace_mcp.services.budget_watch import BudgetWatch

        self._budgets = self._budgets or BudgetWatch(self.context())
        self._budgets.run_once()

    def _start_listener(self) -> None:
        context = self.context()
        if not self._listen or context.settings.listener == "off":
            return
        import gc

        from flowtrace_mcp.serving import build_listener

        gc.set_threshold(*GC_OBJECTS)
        self._listener = build_listener(context, self.listener_facts, self.mcp_server)
        with suppress(FlowtraceError):  # it is kept as the listener's failure
            self._listener.start()

    def _heed_listener(self) -> None:
        """End a program that may not go on without its listener."""
        failure = self._listener.failure if self._listener else None
        if failure is not None and self._refusal is None:
            _log.error("the listener did not start: %s", failure)
            self._refusal = failure
            self._ended.set()

    def _encode_elsewhere(self, texts: Sequence[str]) -> "list[VectorCode] | None":
        """Ask the process of ours that owns the listener; None when there is no other."""
        from flowtrace_mcp.services.loopback import encode_remotely

        if self._threads:
            self._warm.wait(SETTLE_LIMIT_S)
        if self.listener_facts().is_here:
            return None
        return encode_remotely(self.settings, texts)


def now_us() -> int:
    """Return microseconds since the epoch."""
    return time.time_ns() // 1000


def _log_to(settings: Settings) -> None:
    """Send our log to stderr and to a bounded file in the data folder."""
    if _log.handlers:
        return
    for log in (_log, _module_log):
        log.setLevel(settings.log_level.upper())
    _log.propagate = False
    look = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    with suppress(OSError):  # a read-only folder still serves
        handlers.append(
            logging.handlers.RotatingFileHandler(
                settings.log_path, maxBytes=LOG_FILE_BYTES, backupCount=LOG_FILES, delay=True
            )
        )
    for handler in handlers:
        handler.setFormatter(look)
        _log.addHandler(handler)
        _module_log.addHandler(handler)
