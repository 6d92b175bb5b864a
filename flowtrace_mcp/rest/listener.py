"""The one process of a data folder that listens: how it is found, begins, ends and is followed."""

import asyncio
import json
import logging
import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Final, Protocol

from starlette.types import ASGIApp

from flowtrace_mcp.errors import FlowtraceError, SettingsError
from flowtrace_mcp.rest.http_server import HttpServer
from flowtrace_mcp.rest.ports import FALLBACK_PORTS, Holder, holder_of, listen_on
from flowtrace_mcp.services.loopback import LISTENER_FILE
from flowtrace_mcp.services.own_process import may_be_ours
from flowtrace_mcp.settings import Settings

try:
    import uvloop
except ImportError:  # there is none for Windows
    _new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    _new_loop = uvloop.new_event_loop

# Looking twice a second, a process takes over well within 2 s of the owner's end.
LOOK_PERIOD_S: Final = 0.5
SETTLE_LIMIT_S: Final = 5.0
STOP_LIMIT_S: Final = 0.05
PATIENCE_S: Final = 0.02  # for requests under way when everything ends
# So often a taken port may keep silent before it counts as somebody else's.
SILENCES_LIMIT: Final = 4
SLOW_LIMIT: Final = 120  # where the owner of before lives, on a machine that is busy

logger: Final = logging.getLogger("flowtrace.listener")


class GrpcServer(Protocol):
    """A gRPC server that listens from the moment it exists."""

    @property
    def port(self) -> int:
        """Return the real port."""
        ...

    def stop(self) -> None:
        """End within 50 ms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What the listener serves; it knows nothing of what is behind."""

    rest: ASGIApp
    otlp_http: ASGIApp
    otlp_grpc: Callable[[tuple[str, int]], GrpcServer]  # raises OSError when the port is taken


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerState:
    """Who serves which port; a port of None is not served by any process of ours."""

    owner_pid: int | None = None
    is_owner: bool = False
    rest_port: int | None = None
    otlp_http_port: int | None = None
    otlp_grpc_port: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Servers:
    """What this process serves while it is the owner."""

    rest: HttpServer
    otlp_http: HttpServer | None = None
    otlp_grpc: GrpcServer | None = None
    is_tried: bool = False  # whether it is known which OTLP ports can be had


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the last owner wrote about itself."""

    pid: int
    ports: dict[str, int | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


class Listener:
    """Serves the ports when they are free, and watches for them to become free when not.

    The REST port is the lock: who has it takes the OTLP ports too. One daemon thread does all
    of it, so a process may end without asking.

    Args:
        settings: Host, ports, mode and the data folder.
        data_folder_id: By which processes tell that they share a file.
        open_doors: Returns what to serve; called once, by a process that has the ports. The
            others need not load what answers.
        now_us: Microseconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        data_folder_id: str,
        open_doors: Callable[[], Doors],
        now_us: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._data_folder_id = data_folder_id
        self._open_doors = cache(open_doors)
        self._now_us = now_us
        self._state = ListenerState()
        self._failure: FlowtraceError | None = None
        self._silences: dict[int, int] = {}
        self._stopping = threading.Event()
        self._settled = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None

    def start(self) -> None:
        """Begin, and return once it is known who listens.

        Raises:
            FlowtraceError: The mode is ``required`` and this process cannot listen.
        """
        if self._settings.listener == "off":
            return
        self._thread = threading.Thread(target=self._run, name="flowtrace-listener", daemon=True)
        self._thread.start()
        self._settled.wait(SETTLE_LIMIT_S)
        if self._failure is not None:
            raise self._failure

    @property
    def failure(self) -> FlowtraceError | None:
        """Return why a listener that is required has given up, at the start or later."""
        return self._failure

    def stop(self) -> None:
        """Hang up and free the ports, within 50 ms."""
        self._stopping.set()
        if self._loop is not None and self._ended is not None:
            with suppress(RuntimeError):  # the loop has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join(STOP_LIMIT_S)

    def state(self) -> ListenerState:
        """Return who serves which port, as known half a second ago at the latest."""
        return self._state

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                listening = self._claim()
                if listening is not None:
                    with asyncio.Runner(loop_factory=_new_loop) as runner:
                        runner.run(self._serve(listening))
            except FlowtraceError as error:
                self._failure = error
                self._settled.set()
                return
            except Exception:  # the edge of the thread: what fails now may work at the next look
                logger.exception("the listener failed")
            self._settled.set()
            self._stopping.wait(LOOK_PERIOD_S)

    def _claim(self) -> socket.socket | None:
        """Return the REST port's socket, or None while another process of ours has it."""
        wished = self._settings.port
        told = self._read_told()
        told_port = told.ports.get("rest") if told else None
        if told_port and told_port != wished:  # it had to move; then the wished port says nothing
            listening = self._listen_on(told_port)
            if listening is None:
                if self._is_followed(told_port):
                    return None
            elif wished == 0:
                return listening
            else:
                listening.close()
        is_bound = self._settings.listener == "required" or wished == 0
        for port in range(wished, wished + 1 + (0 if is_bound else FALLBACK_PORTS)):
            listening = self._listen_on(port)
            if listening is not None:
                return listening
            if self._is_followed(port):
                return None
        self._give_up(
            f"port {wished} is taken by another program"
            + ("" if is_bound else f", and so are the {FALLBACK_PORTS} above it")
        )
        return None

    def _is_followed(self, port: int) -> bool:
        """Say whether a taken port is that of another process of ours, or may yet prove so."""
        holder = holder_of(self._settings.host, port, self._data_folder_id)
        if holder is Holder.SILENT:
            limit = SLOW_LIMIT if self._is_told_owner(port) else SILENCES_LIMIT
            silences = self._silences.get(port, 0)
            self._silences[port] = silences + 1
            if silences < limit:
                return True
        if holder is not Holder.OURS:
            return False
        self._silences.pop(port, None)
        if self._settings.listener == "required":
            self._give_up(f"port {port} is served by another process of this Flowtrace")
        self._follow(port)
        return True

    def _is_told_owner(self, port: int) -> bool:
        """Say whether the last owner said that the port is its own, and is still there."""
        told = self._read_told()
        return told is not None and told.ports.get("rest") == port and may_be_ours(told.pid)

    def _follow(self, port: int) -> None:
        told = self._read_told()
        if told is None or told.ports.get("rest") != port:
            told = _Told(pid=0, ports={"rest": port})
        self._state = ListenerState(
            owner_pid=told.pid or None,
            rest_port=port,
            otlp_http_port=told.ports.get("otlp_http"),
            otlp_grpc_port=told.ports.get("otlp_grpc"),
            problems=told.problems,
        )

    def _listen_on(self, port: int) -> socket.socket | None:
        host = self._settings.host
        try:
            return listen_on(host, port)
        except OSError as error:
            self._give_up(f"cannot listen on {host}, port {port}: {error.strerror}")
            return None

    def _give_up(self, what: str) -> None:
        """Note that this process cannot listen; in mode ``required`` that is an error."""
        mend = "set FLOWTRACE_PORT to a free port, or stop what has it"
        if self._settings.listener == "required":
            raise SettingsError(what, mend=mend)
        self._state = ListenerState(problems=(f"{what}; {mend}",))

    async def _serve(self, listening: socket.socket) -> None:
        """Serve until the end; OTLP ports that are taken are asked for again and again."""
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        try:
            doors = self._open_doors()
        except BaseException:
            listening.close()
            raise
        servers = _Servers(rest=HttpServer(doors.rest, listening))
        try:
            self._publish(servers)
            await servers.rest.start()
            while not self._stopping.is_set():
                if await self._open_otlp(servers, doors) or not self._settled.is_set():
                    self._publish(servers)
                self._settled.set()
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._ended.wait(), LOOK_PERIOD_S)
        finally:
            self._state = ListenerState()
            await _close(servers)

    async def _open_otlp(self, servers: _Servers, doors: Doors) -> bool:
        """Open what OTLP ports can be had; say whether any was new."""
        before = (servers.otlp_http, servers.otlp_grpc)
        host = self._settings.host
        if servers.otlp_http is None:
            listening = listen_on(host, self._settings.otlp_http_port)
            if listening is not None:
                servers.otlp_http = HttpServer(doors.otlp_http, listening)
                await servers.otlp_http.start()
        if servers.otlp_grpc is None:
            servers.otlp_grpc = await _open_grpc(doors, (host, self._settings.otlp_grpc_port))
        servers.is_tried = True
        return before != (servers.otlp_http, servers.otlp_grpc)

    def _publish(self, servers: _Servers) -> None:
        """Tell the other processes, and `status`, what is served here."""
        settings, rest_port = self._settings, servers.rest.port
        http_port = servers.otlp_http.port if servers.otlp_http else None
        grpc_port = servers.otlp_grpc.port if servers.otlp_grpc else None
        problems = []
        if settings.port not in (0, rest_port):
            problems.append(
                f"port {settings.port} is taken by another program, so REST and MCP over HTTP are"
                f" on port {rest_port}"
            )
        if servers.is_tried and http_port is None:
            problems.append(_taken("HTTP", settings.otlp_http_port, "OTLP_HTTP_PORT"))
        if servers.is_tried and grpc_port is None:
            problems.append(_taken("gRPC", settings.otlp_grpc_port, "OTLP_GRPC_PORT"))
        self._state = ListenerState(
            owner_pid=os.getpid(),
            is_owner=True,
            rest_port=rest_port,
            otlp_http_port=http_port,
            otlp_grpc_port=grpc_port,
            problems=tuple(problems),
        )
        ports = {"rest": rest_port, "otlp_http": http_port, "otlp_grpc": grpc_port}
        told = {
            "pid": os.getpid(),
            "started_us": self._now_us(),
            "ports": ports,
            "problems": problems,
        }
        try:
            _write_privately(settings.home / LISTENER_FILE, json.dumps(told))
        except OSError as error:
            problem = f"other processes cannot be told the ports: {error.strerror}"
            self._state = replace(self._state, problems=(*problems, problem))

    def _read_told(self) -> _Told | None:
        try:
            told = json.loads((self._settings.home / LISTENER_FILE).read_text(encoding="utf-8"))
            return _Told(
                pid=int(told["pid"]),
                ports=dict(told["ports"]),
                problems=tuple(map(str, told.get("problems", ()))),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _taken(protocol: str, port: int, variable: str) -> str:
    return (
        f"port {port} for OTLP over {protocol} is taken by another program; stop it, or set"
        f" FLOWTRACE_{variable} to a free port and send telemetry there"
    )


def _write_privately(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    draft.replace(path)


async def _open_grpc(doors: Doors, address: tuple[str, int]) -> GrpcServer | None:
    probe = listen_on(*address)  # a failed gRPC server costs much more than a failed bind
    if probe is None:
        return None
    probe.close()
    try:
        return await asyncio.to_thread(doors.otlp_grpc, address)
    except OSError:
        return None


async def _close(servers: _Servers) -> None:
    """Close the lock last: who takes it over finds the other ports free."""
    if servers.otlp_grpc is not None:
        await asyncio.to_thread(servers.otlp_grpc.stop)
    if servers.otlp_http is not None:
        await servers.otlp_http.stop(PATIENCE_S)
    await servers.rest.stop(PATIENCE_S)
