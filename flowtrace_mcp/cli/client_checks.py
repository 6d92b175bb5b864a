"""What `flowtrace doctor` says of each client: is it told of us, can it start us, what does it send."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.cli.check import REINSTALL, Check, Verdict, failed
from flowtrace_mcp.cli.client_places import places_of, program_of
from flowtrace_mcp.cli.program import Program as Running
from flowtrace_mcp.clients.table import CLIENTS, Client, Places, Program, is_there, started_by
from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.client_traffic import Traffic, traffic_of
from flowtrace_mcp.services.installs import (
    Part,
    configured_server,
    has_plugin,
    possible_parts,
    present_parts,
)
from flowtrace_mcp.services.own_command import SERVER_COMMAND, own_command
from flowtrace_mcp.services.server_trial import Trial, try_server
from flowtrace_mcp.settings import Settings

# Codex waits this long for a server, and others longer.
START_LIMIT_S: Final = 10.0
_OF_PLUGIN: Final[frozenset[Part]] = frozenset(("server", "hooks"))
_CALLED: Final[Mapping[Part, str]] = {"telemetry": "traces", "hooks": "hooks"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """All that is known of a client that is told of us."""

    client: Client
    scope: str
    words: tuple[str, ...]  # by which it starts us, empty = by a URL
    trial: Trial | None
    is_own: bool  # the command is that of this installation
    on: frozenset[Part]
    off: tuple[Part, ...]
    is_twice: bool  # by our plugin, and by an entry of its own
    traffic: Traffic

    def last_us(self, part: Part) -> int | None:
        """Return when something came by a part."""
        return self.traffic.traces_us if part == "telemetry" else self.traffic.hooks_us


def check_clients(running: Running, settings: Settings) -> Iterator[Check]:
    """Yield how each client stands that is found here."""
    places = places_of(running.environ)
    clients = [client for client in CLIENTS if is_there(client, places)]
    try:
        program = program_of(settings, own_command(), places)
        is_stored = settings.db_path.exists()
        traffic = traffic_of(running.context(), clients) if is_stored else {}
    except FlowtraceError as error:
        yield failed("clients", error)
        return
    trials: dict[tuple[object, ...], Trial] = {}
    for client in clients:
        seen = _seen(client, places, program, trials, traffic.get(client.name, Traffic()))
        yield _not_told(client) if seen is None else _check(seen)


def _seen(
    client: Client,
    places: Places,
    program: Program,
    trials: dict[tuple[object, ...], Trial],
    traffic: Traffic,
) -> _Seen | None:
    """Return what is known of a client, None when it is not told of us; equal commands run once."""
    configured, has_own = configured_server(client, places, program), has_plugin(client, places)
    if configured is None and not has_own:
        return None
    scope, value = configured or ("plugin", {"command": SERVER_COMMAND})
    words, variables = started_by(value) or ((), {})
    key = (words, *sorted(variables.items()))
    is_own = words in (program.server, (SERVER_COMMAND,))
    # A project's file came with the project: what it starts is run where it is ours alone.
    is_trusted = scope != "project" or (is_own and not variables)
    if words and is_trusted and key not in trials:
        trials[key] = try_server(words, {**places.environ, **variables})
    present = present_parts(client, places, program)
    on = present | _OF_PLUGIN if has_own else present
    return _Seen(
        client=client,
        scope=scope,
        words=words,
        trial=trials.get(key),
        is_own=is_own,
        on=frozenset(on),
        off=tuple(one for one in possible_parts(client, places, program) if one not in on),
        is_twice=has_own and bool(present & _OF_PLUGIN),
        traffic=traffic,
    )


def _not_told(client: Client) -> Check:
    return Check(
        name=client.name,
        verdict=Verdict.WARN,
        found="does not start Flowtrace",
        mend=f"flowtrace install {client.name}",
        facts={"configured": False},
    )


def _check(seen: _Seen) -> Check:
    trial, mends = seen.trial, _mends(seen)
    verdict = Verdict.OK
    if trial is not None and trial.problem:
        verdict = Verdict.FAIL
    elif seen.is_twice or (trial is not None and trial.seconds > START_LIMIT_S):
        verdict = Verdict.WARN
    return Check(
        name=seen.client.name,
        verdict=verdict,
        found=", ".join([_start(seen), *_sent(seen)]),
        mend="; ".join(mends),
        facts=_facts(seen) | {"mends": mends},
    )


def _start(seen: _Seen) -> str:
    if seen.trial is None and seen.words:
        return f"starts `{' '.join(seen.words)}` in this project, which was not tried"
    if seen.trial is None:
        return "reaches Flowtrace by a URL"
    if seen.trial.problem:
        return f"cannot start Flowtrace by `{' '.join(seen.words)}`: {seen.trial.problem}"
    where = {"project": " in this project", "plugin": " by its plugin"}.get(seen.scope, "")
    where = " twice, by its plugin and by its own configuration" if seen.is_twice else where
    return f"starts Flowtrace{where} ({len(seen.trial.tools)} tools in {seen.trial.seconds:.1f} s)"


def _sent(seen: _Seen) -> Iterator[str]:
    for part, called in _CALLED.items():
        at_us = seen.last_us(part)
        if at_us is not None:
            yield f"{called} last {iso_time(at_us)}"
        elif part in seen.on:
            yield f"{called} on and none came yet"
        elif part in seen.off:
            yield f"{called} off"
    if seen.traffic.seen_us is not None:
        yield f"seen {iso_time(seen.traffic.seen_us)}"


def _mends(seen: _Seen) -> list[str]:
    """Return what to type or to do, one line for each thing that is not as it could be."""
    mends, trial, told = [], seen.trial, f"flowtrace install {seen.client.name}"
    if trial is not None and trial.problem:
        mends.append(REINSTALL if seen.is_own else told)
    elif trial is not None and trial.seconds > START_LIMIT_S:
        first = "flowtrace doctor again: the first start after an installation is the slowest"
        mends.append(first if seen.is_own else told)
    if seen.is_twice:
        mends.append(f"{told} --no-server --no-hooks")
    off = [part for part in seen.off if seen.last_us(part) is None]
    if off:
        has_server = "" if seen.scope != "plugin" else " --no-server"
        mends.append(f"{told}{has_server} --{' --'.join(off)}")
    if any(part in seen.on and seen.last_us(part) is None for part in _CALLED):
        mends.append(f"restart {seen.client.title}: it reads its settings at the start")
    return mends


def _facts(seen: _Seen) -> dict[str, object]:
    trial = seen.trial
    return {
        "configured": True,
        "scope": seen.scope,
        "command": list(seen.words),
        "reachable": None if trial is None else not trial.problem,
        "tools": [] if trial is None else list(trial.tools),
        "start_s": None if trial is None else round(trial.seconds, 3),
        "traces_on": "telemetry" in seen.on,
        "traces_last_us": seen.traffic.traces_us,
        "hooks_on": "hooks" in seen.on,
        "hooks_last_us": seen.traffic.hooks_us,
        "seen_last_us": seen.traffic.seen_us,
    }
