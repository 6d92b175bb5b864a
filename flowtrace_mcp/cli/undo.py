"""`flowtrace undo`: take back the last change of this project's memories."""

import argparse
from typing import Final

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.model.memory import ChangeAction
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.undo import Undone, body_of, undo

_SAID: Final = {
    ChangeAction.REMEMBER: "storing",
    ChangeAction.SAME: "counting the same text up",
    ChangeAction.SUPERSEDE: "replacing",
    ChangeAction.FORGET: "retiring",
    ChangeAction.ERASE: "removing for good",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--redo", action="store_true", help="do again what was undone last, while nothing changed"
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Undo one change, or do it again, and say which."""
    undone = undo(call.program.context(), call.caller(), redo=arguments.redo)
    if call.output.is_json:
        call.output.answer(body_of(undone))
    else:
        _tell(call, undone)
    return 0


def _tell(call: Call, undone: Undone) -> None:
    verb = "did again" if undone.is_redo else "undid"
    by = f" by {undone.agent}" if undone.agent else ""
    session = f" in session {undone.session}" if undone.session else ""
    when = iso_time(undone.changed_us)
    call.output.say(f"{verb}: {_SAID[undone.action]}, {when}{by}{session}")
    for memory in undone.memories:
        state = "in force" if memory.retracted_us is None else "retired"
        call.output.say(f"{memory.handle}  {state}")
        call.output.say_wrapped(memory.content, "  ")
