"""Where clients' configuration is looked for, by what the environment says."""

import platform
from pathlib import Path

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.clients.table import Places


def places_of(call: Call) -> Places:
    """Return the places of this person, project and machine."""
    environ = call.program.environ
    told = environ.get("HOME") or environ.get("USERPROFILE")
    return Places(
        home=Path(told) if told else Path.home(),
        project=Path.cwd(),
        system=platform.system(),
        environ=environ,
    )
