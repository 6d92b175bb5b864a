"""`flowtrace service`: have the system keep the listener on, and take that back."""

import argparse
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.client_places import lasting_command, places_of
from flowtrace_mcp.cli.install import difference
from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.clients.service_managers import ServiceJob, manager_of
from flowtrace_mcp.clients.table import Places
from flowtrace_mcp.services.always_on import AlwaysOn, ServicePlan, ServiceState
from flowtrace_mcp.services.own_command import OwnCommand, own_command, windowless_python
from flowtrace_mcp.settings import OPTIONS, SECRET_FIELDS, Settings

ACTIONS: Final = ("install", "remove", "status")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=ACTIONS,
        metavar="ACTION",
        nargs="?",
        default="status",
        help="install, remove or status (default status)",
    )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, do none")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    settings, places = call.program.settings, places_of(call.program.environ)
    is_lasting = arguments.action == "install" and not arguments.dry_run
    command = lasting_command(call) if is_lasting else own_command()
    service = service_of(settings, command, places)
    if arguments.action == "status":
        _tell_state(call, service.state())
        return 0
    if arguments.action == "remove":
        plan, carry_out, notes = service.plan_removal(), service.remove, []
    else:
        plan, carry_out, notes = service.plan_install(), service.install, left_out(settings, places)
    if not arguments.dry_run:
        carry_out(plan)
    _tell_plan(call, arguments, plan, notes)
    return 0


def service_of(settings: Settings, command: OwnCommand, places: Places) -> AlwaysOn:
    """Return the service of this person, installed or not."""
    return AlwaysOn(manager_of(places.system), places, job_of(settings, command, places))


def job_of(settings: Settings, command: OwnCommand, places: Places) -> ServiceJob:
    """Return what is to be started; the data folder and open settings of this shell go with it."""
    if places.system == "Windows":
        python = windowless_python(command, Path(sys.executable))
        domain, name = (places.environ.get(one, "") for one in ("USERDOMAIN", "USERNAME"))
        return ServiceJob(
            words=(str(python), "-m", "flowtrace_mcp", "serve"),
            user=f"{domain}\\{name}" if domain else name,
            home=settings.home,
        )
    said = {
        option.variable: places.environ[option.variable]
        for option in OPTIONS
        if option.field not in SECRET_FIELDS and places.environ.get(option.variable)
    }
    return ServiceJob(
        words=(str(command.server), "serve"),
        variables={"FLOWTRACE_HOME": str(settings.home), **said},
        user_id=os.getuid(),
        home=settings.home,
    )


def left_out(settings: Settings, places: Places) -> list[str]:
    """Return what this shell sets and the service will not know."""
    is_windows = places.system == "Windows"
    names = [
        option.variable
        for option in OPTIONS
        if places.environ.get(option.variable) and (is_windows or option.field in SECRET_FIELDS)
    ]
    notes = [f"{name} does not reach the service: set it in flowtrace.toml" for name in names]
    if is_windows and places.environ.get("FLOWTRACE_HOME"):
        notes.append(f'for the same data folder, once: setx FLOWTRACE_HOME "{settings.home}"')
    return notes


def _tell_state(call: Call, state: ServiceState) -> None:
    if call.output.is_json:
        call.output.answer(
            {
                "manager": state.manager,
                "path": str(state.path),
                "installed": state.is_installed,
                "current": state.is_current,
                "running": state.is_running,
                "problem": state.problem,
            }
        )
        return
    if not state.is_installed:
        call.output.say(f"{state.manager} does not start Flowtrace")
        call.output.say("  `flowtrace service install` has it started", Style.DIM)
    else:
        does = "runs" if state.is_running else "does not run"
        call.output.say(f"Flowtrace {does} under {state.manager}", Style.BOLD)
        call.output.say(f"  {state.path}")
        if not state.is_current:
            call.output.say("  `flowtrace service install` brings it up to date", Style.DIM)
    if state.problem:
        call.output.say(f"  problem: {state.problem}")


def _tell_plan(
    call: Call, arguments: argparse.Namespace, plan: ServicePlan, notes: list[str]
) -> None:
    change, is_change = plan.change, plan.change.before != plan.change.after
    if call.output.is_json:
        call.output.answer(
            {
                "action": arguments.action,
                "path": str(change.path),
                "changed": is_change,
                "commands": [list(words) for words in plan.commands],
                "notes": notes,
                "dry_run": arguments.dry_run,
            }
        )
        return
    if arguments.dry_run:
        for line in (*difference(change), *map(_typed, plan.commands)):
            call.output.say(line)
    elif not is_change and not plan.commands:
        call.output.say("nothing to change: it runs, and starts with your session")
    elif arguments.action == "install":
        call.output.say(f"Flowtrace runs, and starts with your session: {change.path}")
    else:
        call.output.say("Flowtrace does not start by itself any more; memories and traces are kept")
    for note in notes:
        call.output.say(f"  {note}", Style.DIM)


def _typed(words: tuple[str, ...]) -> str:
    line = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    return f"$ {line}"
