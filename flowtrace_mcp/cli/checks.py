"""What `flowtrace doctor` looks at; each check is a question with a verdict and a mend."""

import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.check import REINSTALL, Check, Verdict, failed
from flowtrace_mcp.cli.client_checks import check_clients
from flowtrace_mcp.cli.client_places import places_of
from flowtrace_mcp.cli.listeners import read_health, seen_listener
from flowtrace_mcp.cli.port_holders import find_holder, is_alive, is_taken
from flowtrace_mcp.cli.program import Program
from flowtrace_mcp.cli.service import service_of
from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.services.loopback import LISTENER_FILE, find_owner
from flowtrace_mcp.services.meaning import Meaning, MeaningState
from flowtrace_mcp.services.own_command import own_command
from flowtrace_mcp.services.spool_state import spool_problem
from flowtrace_mcp.settings import SETTINGS_FILE, Settings

# apsw's version is that of the SQLite inside it.
PARTS: Final = ("mcp", "apsw", "sqlite-vec", "numpy", "onnxruntime", "grpcio")
MODEL_LIMIT_S: Final = 60.0
DISK_LEAST_BYTES: Final = 100 * 1000 * 1000
DISK_ENOUGH_BYTES: Final = 1000 * 1000 * 1000
OTHERS_MODE: Final = 0o077


def check_all(program: Program) -> Iterator[Check]:
    """Yield every check; without settings, those that need none."""
    yield from check_versions()
    try:
        settings = program.settings
    except FlowtraceError as error:
        yield failed("settings", error)
        return
    yield check_settings(settings)
    yield check_folder(settings)
    yield check_disk(settings)
    yield check_token(settings)
    yield check_spool(settings, time.time_ns() // 1000)
    yield check_git()
    yield check_database(program, settings)
    yield check_embedder(settings)
    yield check_listener(program, settings)
    yield from check_ports(program, settings)
    yield from check_service(program, settings)
    yield from check_clients(program, settings)


def check_versions() -> Iterator[Check]:
    """Yield what Python and the libraries are, or that one is missing."""
    where = f"{platform.system()} {platform.machine()}"
    yield Check(name="python", verdict=Verdict.OK, found=f"{platform.python_version()} on {where}")
    found, missing = [], []
    for part in PARTS:
        try:
            found.append(f"{part} {version(part)}")
        except PackageNotFoundError:
            missing.append(part)
    if missing:
        what = "not installed: " + ", ".join(missing)
        yield Check(name="libraries", verdict=Verdict.FAIL, found=what, mend=REINSTALL)
    else:
        yield Check(name="libraries", verdict=Verdict.OK, found=", ".join(found))


def check_settings(settings: Settings) -> Check:
    """Return where the settings came from; that they could be read is known."""
    path = settings.home / SETTINGS_FILE
    found = f"{path} is read" if path.exists() else f"no {SETTINGS_FILE}: defaults and environment"
    return Check(name="settings", verdict=Verdict.OK, found=found)


def check_folder(settings: Settings) -> Check:
    """Return whether the data folder is there, is writable, and is closed to others."""
    home = settings.home
    if not home.exists():
        found = f"{home} is made at the first start"
        return Check(name="data folder", verdict=Verdict.OK, found=found)
    if not os.access(home, os.W_OK | os.X_OK):
        return Check(
            name="data folder",
            verdict=Verdict.FAIL,
            found=f"{home} cannot be written",
            mend="give yourself write permission, or set FLOWTRACE_HOME elsewhere",
        )
    if _is_open_to_others(home):
        return Check(
            name="data folder",
            verdict=Verdict.WARN,
            found=f"{home} is open to other users of this machine",
            mend=f"chmod 700 '{home}'",
        )
    return Check(name="data folder", verdict=Verdict.OK, found=f"{home}")


def check_disk(settings: Settings) -> Check:
    """Return whether there is room to write."""
    folder = settings.db_path.absolute().parent
    while not folder.exists():
        folder = folder.parent
    free_bytes = shutil.disk_usage(folder).free
    found = f"{free_bytes / 1e9:.1f} GB free"
    if free_bytes < DISK_ENOUGH_BYTES:
        is_full = free_bytes < DISK_LEAST_BYTES
        verdict = Verdict.FAIL if is_full else Verdict.WARN
        mend = "free some space, or move FLOWTRACE_HOME to another disk"
        return Check(name="disk", verdict=verdict, found=found, mend=mend)
    return Check(name="disk", verdict=Verdict.OK, found=found)


def check_spool(settings: Settings, now_us: int) -> Check:
    """Return whether what hooks could not hand over was taken up since."""
    problem = spool_problem(settings.home, now_us)
    if not problem:
        return Check(name="hooks", verdict=Verdict.OK, found="no event waits")
    found, _, mend = problem.partition("; ")
    return Check(name="hooks", verdict=Verdict.WARN, found=found, mend=mend)


def check_token(settings: Settings) -> Check:
    """Return whether the token is for its owner's eyes alone."""
    path = settings.token_path
    if settings.api_key:
        return Check(name="token", verdict=Verdict.OK, found="your own, from FLOWTRACE_API_KEY")
    if not path.exists():
        return Check(name="token", verdict=Verdict.OK, found="made at the first start")
    if _is_open_to_others(path):
        return Check(
            name="token",
            verdict=Verdict.FAIL,
            found=f"{path} is readable by other users of this machine",
            mend=f"rm '{path}' (a new one is made), then restart your editors",
        )
    return Check(name="token", verdict=Verdict.OK, found=f"{path}")


def check_git() -> Check:
    """Return whether git is there to tell projects apart."""
    path = shutil.which("git")
    if path is None:
        return Check(
            name="git",
            verdict=Verdict.WARN,
            found="not found: every folder is a project of its own",
            mend="install git",
        )
    return Check(name="git", verdict=Verdict.OK, found=path)


def check_database(program: Program, settings: Settings) -> Check:
    """Return whether the file opens, is sound, is of our version, and takes vectors."""
    if not settings.db_path.exists():
        found = f"{settings.db_path} is made at the first start"
        return Check(name="database", verdict=Verdict.OK, found=found)
    try:
        store = program.context().store
        facts, wrong = store.facts(), store.check()
        if facts.write_refusal is None:
            with suppress(FlowtraceError):  # a damaged file may not take it
                store.health.note_check(len(wrong))
    except FlowtraceError as error:
        return failed("database", error)
    if wrong:
        return Check(
            name="database",
            verdict=Verdict.FAIL,
            found=f"{settings.db_path} is damaged: {wrong[0]}",
            mend="run `flowtrace doctor --repair`, or restore a backup",
        )
    if facts.write_refusal is not None:
        return failed("database", facts.write_refusal)
    return Check(
        name="database",
        verdict=Verdict.OK,
        found=(
            f"{settings.db_path}: sound, schema {facts.schema_version}, sqlite-vec loaded,"
            f" memories {facts.memory_count:,}, spans {facts.span_count:,}"
        ),
    )


def check_embedder(settings: Settings) -> Check:
    """Return whether the model's files are the right ones and a text can be embedded."""
    meaning = Meaning(settings.embedder, lambda texts: None)
    if meaning.state is MeaningState.OFF:
        found = "off: search is by words alone"
        return Check(name="embedder", verdict=Verdict.OK, found=found)
    meaning.load()
    meaning.wait(MODEL_LIMIT_S)
    if meaning.failure is not None:
        return failed("embedder", meaning.failure)
    codes = meaning.encode_here(["A trial of the embedding model."])
    if not codes:
        return Check(
            name="embedder",
            verdict=Verdict.FAIL,
            found=f"{settings.embedder} was not loaded in {MODEL_LIMIT_S:.0f} s",
            mend="set FLOWTRACE_EMBEDDER=minilm, or off for search by words alone",
        )
    found = f"{meaning.embedder_id}: files as released, a text embedded"
    return Check(name="embedder", verdict=Verdict.OK, found=found)


def check_listener(program: Program, settings: Settings) -> Check:
    """Return whether the process that says it listens still does."""
    owner = find_owner(settings)
    if owner is None:
        found = "none runs; an editor or `flowtrace serve` starts it"
        return Check(name="listener", verdict=Verdict.OK, found=found)
    if seen_listener(program).owner_pid is not None:
        found = f"process {owner.pid} on {owner.host}:{owner.port}"
        return Check(name="listener", verdict=Verdict.OK, found=found)
    state = "runs but does not answer for this data" if is_alive(owner.pid) else "has ended"
    return Check(
        name="listener",
        verdict=Verdict.WARN,
        found=f"{LISTENER_FILE} names process {owner.pid}, which {state}",
        mend="start an editor or `flowtrace serve`: it takes over",
    )


def check_ports(program: Program, settings: Settings) -> Iterator[Check]:
    """Yield for each port whether it is ours, free, or whose it is."""
    facts = seen_listener(program)
    for name, variable, port, served in (
        ("REST", "FLOWTRACE_PORT", settings.port, facts.rest_port),
        ("OTLP/HTTP", "FLOWTRACE_OTLP_HTTP_PORT", settings.otlp_http_port, facts.otlp_http_port),
        ("OTLP/gRPC", "FLOWTRACE_OTLP_GRPC_PORT", settings.otlp_grpc_port, facts.otlp_grpc_port),
    ):
        label = f"port {name}"
        if served is not None and port in (0, served):
            found = f"{served}: ours, process {facts.owner_pid}"
            yield Check(name=label, verdict=Verdict.OK, found=found)
        elif port == 0:
            yield Check(name=label, verdict=Verdict.OK, found="any free one")
        elif not is_taken(settings.host, port):
            yield Check(name=label, verdict=Verdict.OK, found=f"{port}: free")
        else:
            yield _taken(label, settings.host, port, variable)


def _taken(label: str, host: str, port: int, variable: str) -> Check:
    holder = find_holder(port)
    who = "another program" if holder is None else str(holder)
    if read_health(host, port):
        who = f"a Flowtrace of another data folder{f', process {holder.pid}' if holder else ''}"
    return Check(
        name=label,
        verdict=Verdict.WARN,
        found=f"{port}: held by {who}",
        mend=f"end it, or set {variable} to another port",
    )


def check_service(program: Program, settings: Settings) -> Iterator[Check]:
    """Yield how the service is that starts with the session, nothing where there is none."""
    try:
        state = service_of(settings, own_command(), places_of(program.environ)).state()
    except FlowtraceError:  # without our command; the clients' check says so
        return
    if not state.is_installed:
        return
    wrong = [] if state.is_current else ["is of another place or of other settings"]
    if not state.is_running:
        wrong.append(f"does not run{f' ({state.problem})' if state.problem else ''}")
    found = f"{state.path}: {' and '.join(wrong)}" if wrong else f"runs under {state.manager}"
    mend = "flowtrace service install" if wrong else ""
    verdict = Verdict.WARN if wrong else Verdict.OK
    yield Check(name="service", verdict=verdict, found=found, mend=mend)


def _is_open_to_others(path: Path) -> bool:
    return os.name == "posix" and bool(path.stat().st_mode & OTHERS_MODE)
