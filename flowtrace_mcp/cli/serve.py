"""`flowtrace serve`: the listener in the foreground, for whoever wants it always on."""

import argparse
import threading
from typing import Final

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.status import port_lines

WARM_LIMIT_S: Final = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes: nothing of its own."""


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Listen until SIGINT or SIGTERM; say on stderr where."""
    call.program.context()  # what is wrong with settings or file is said now, not in a log
    threading.Thread(target=_announce, args=[call], name="flowtrace-announce", daemon=True).start()
    call.program.serve_forever()
    return 0


def _announce(call: Call) -> None:
    if not call.program.wait_until_warm(WARM_LIMIT_S):
        return
    facts, say = call.program.listener_facts(), call.output.say_aside
    settings = call.program.settings
    if settings.listener == "off":
        say("listening nowhere: FLOWTRACE_LISTENER is off")
    elif facts.owner_pid is not None and not facts.is_here:
        say(f"process {facts.owner_pid} listens already; this one takes over when it ends")
    verb = "listening" if facts.is_here else "it listens"
    for line in port_lines(facts):
        say(f"{verb} on {settings.host}:{line}")
    for problem in facts.problems:
        say(f"problem: {problem}")
