"""`flowtrace install`: put Flowtrace into an editor's or agent's configuration."""

import argparse
import difflib
import sys
from collections.abc import Callable, Sequence
from typing import Final

from flowtrace_mcp.cli.client_places import lasting_command, places_of, program_of
from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.clients.table import BY_NAME, CLIENTS, Client, Places, is_there
from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.services.client_files import FileChange
from flowtrace_mcp.services.installs import (
    Part,
    Plan,
    carry_out,
    find_receipt,
    plan_install,
    receipt_name,
)
from flowtrace_mcp.services.own_command import own_command

ASKED: Final[dict[Part, str]] = {
    "hooks": "Let it tell its prompts and tool calls through hooks?",
    "telemetry": "Let it send its OpenTelemetry, prompts and tool details included, to this machine?",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_client(parser)
    for part in ASKED:
        parser.add_argument(
            f"--{part}",
            action=argparse.BooleanOptionalAction,
            default=None,
            help=f"switch its {part} on toward us (asked at a terminal, else left as it is)",
        )
    parser.add_argument(
        "--no-server",
        action="store_true",
        help="leave the MCP server out: a plugin starts it already",
    )
    parser.add_argument("--yes", action="store_true", help="ask nothing: hooks and telemetry too")


def add_client(parser: argparse.ArgumentParser) -> None:
    """Declare which client, in what scope, and whether to only show it."""
    parser.add_argument(
        "client",
        nargs="*",
        choices=[*BY_NAME, []],
        metavar="CLIENT",
        help=", ".join(BY_NAME),
    )
    parser.add_argument("--all", action="store_true", help="every client that is found here")
    parser.add_argument(
        "--scope",
        choices=("user", "project"),
        default="user",
        help="for you, or for the project of this folder (default user)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the changes, make none")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Put us into each client; one that refuses does not keep the others waiting."""
    places = places_of(call.program.environ)
    clients = wanted_clients(arguments, places)
    settings = call.program.settings
    command = own_command() if arguments.dry_run else lasting_command(call)
    program = program_of(settings, command, places)

    def plan(client: Client) -> Plan:
        name = receipt_name(client, places, arguments.scope)
        old = find_receipt(settings.home, name)
        parts = _parts(call, arguments, client, old.parts if old else ())
        return plan_install(settings.home, client, places, program, parts, arguments.scope)

    return each(call, arguments, clients, plan, "is in", "restart it, or reload its MCP servers")


def wanted_clients(arguments: argparse.Namespace, places: Places) -> list[Client]:
    """Return the clients that were named, or all that are found.

    Raises:
        InputError: None is meant.
    """
    if arguments.all:
        return [client for client in CLIENTS if is_there(client, places)]
    if not arguments.client:
        found = [client.name for client in CLIENTS if is_there(client, places)]
        raise InputError(
            "no client was named",
            why="found here: " + (", ".join(found) or "none that Flowtrace knows"),
            mend="name one, or give --all for those found; known are " + ", ".join(BY_NAME),
        )
    return [BY_NAME[name] for name in dict.fromkeys(arguments.client)]


def _parts(
    call: Call, arguments: argparse.Namespace, client: Client, present: Sequence[Part]
) -> list[Part]:
    """Return what to put in: what is told, else what is there, else what a person says."""
    parts: list[Part] = [] if arguments.no_server else ["server"]
    for part, question in ASKED.items():
        told: bool | None = getattr(arguments, part)
        if told is None:
            told = part in present or arguments.yes or _is_wanted(call, arguments, client, question)
        if told:
            parts.append(part)
    return parts


def _is_wanted(call: Call, arguments: argparse.Namespace, client: Client, question: str) -> bool:
    """Ask a person, at a terminal only."""
    is_silent = call.output.is_json or arguments.dry_run or not sys.stdin.isatty()
    if is_silent or not client.agent:
        return False
    call.output.say_aside(f"{client.title}: {question} [y/N]")
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def each(
    call: Call,
    arguments: argparse.Namespace,
    clients: Sequence[Client],
    plan: Callable[[Client], Plan],
    done: str,
    after: str,
) -> int:
    """Plan and carry out one client after another, and say what became of each."""
    rows: list[dict[str, object]] = []
    failures = 0
    for client in clients:
        try:
            made = plan(client)
            if not arguments.dry_run:
                carry_out(call.program.settings.home, made)
        except FlowtraceError as error:
            failures += 1
            rows.append({"client": client.name, "error": error.fault, "mend": error.mend})
            if not call.output.is_json:
                call.output.say(f"{client.title}: {error.fault}", Style.BOLD)
                call.output.say(f"  mend: {error.mend}")
            continue
        files = [str(change.path) for change in made.touched]
        rows.append({"client": client.name, "files": files, "notes": list(made.notes)})
        if not call.output.is_json:
            _tell(call, arguments, client, made, (done, after))
    if call.output.is_json:
        call.output.answer({"clients": rows, "dry_run": arguments.dry_run, "failed": failures})
    elif not clients:
        call.output.say("no client that Flowtrace knows was found here")
    return 1 if failures else 0


def _tell(
    call: Call, arguments: argparse.Namespace, client: Client, made: Plan, words: tuple[str, str]
) -> None:
    if not made.touched:
        call.output.say(f"{client.title}: nothing to change")
    for change in made.touched:
        if arguments.dry_run:
            for line in difference(change):
                call.output.say(line)
        else:
            call.output.say(f"{client.title}: Flowtrace {words[0]} {change.path}")
    if made.touched and not arguments.dry_run:
        call.output.say(f"  {words[1]}", Style.DIM)
    for note in made.notes:
        call.output.say(f"  {note}", Style.DIM)


def difference(change: FileChange) -> list[str]:
    """Return a unified diff, secrets and all: it is the person's own file."""
    sides = (change.before, change.after)
    old, new = ((data or b"").decode(errors="replace").splitlines() for data in sides)
    was, will = (str(change.path) if data is not None else "/dev/null" for data in sides)
    return list(difflib.unified_diff(old, new, was, will, lineterm=""))
