"""Where clients' configuration is looked for, and how clients start and reach us."""

import platform
from collections.abc import Mapping
from pathlib import Path

from flowtrace_mcp import __version__
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.clients.table import Places, Program
from flowtrace_mcp.services.own_command import (
    OwnCommand,
    own_command,
    own_origin,
    own_requirement,
    put_in_place,
)
from flowtrace_mcp.services.token import read_or_create_token
from flowtrace_mcp.settings import Settings


def places_of(environ: Mapping[str, str]) -> Places:
    """Return the places of this person, project and machine, by what the environment says."""
    told = environ.get("HOME") or environ.get("USERPROFILE")
    return Places(
        home=Path(told) if told else Path.home(),
        project=Path.cwd(),
        system=platform.system(),
        environ=environ,
    )


def program_of(settings: Settings, command: OwnCommand, places: Places) -> Program:
    """Return how clients start and reach us; a port that is found anew each time is no address."""
    port, is_strict = settings.otlp_http_port, settings.require_auth == "strict"
    return Program(
        server=(str(command.server),),
        hook=(str(command.person), "hook"),
        otlp=f"http://127.0.0.1:{port}" if port else "",
        token=read_or_create_token(settings.token_path) if is_strict else "",
        system=places.system,
    )


def lasting_command(call: Call) -> OwnCommand:
    """Return our commands, put in place first where this environment was made for one call.

    Raises:
        FlowtraceError: That could not be done.
    """
    command = own_command()
    if not command.is_passing:
        return command
    wanted = own_requirement(__version__, own_origin())
    return put_in_place(call.program.settings.home, wanted, call.output.say_aside)
