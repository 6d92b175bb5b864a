"""`flowtrace forget`: retire a memory, or remove it for good."""

import argparse
import sys

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.recall import await_meaning
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.forget import ForgetRequest, forget


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("id", metavar="ID", nargs="?", default="", help="as `recall` shows it")
    parser.add_argument("--query", default="", help="a question that only one memory answers")
    parser.add_argument("--reason", default="", help="why; kept with the retired memory")
    parser.add_argument(
        "--hard", action="store_true", help="remove it from text, vectors and log, for good"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask before --hard")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Forget one memory and say which."""
    request = ForgetRequest(
        id=arguments.id,
        query=arguments.query,
        reason=arguments.reason,
        hard=arguments.hard,
    )
    if request.hard and not arguments.yes:
        _confirm(call, request)
    context = call.program.context()
    await_meaning(context, request.query)
    gone = forget(context, request, call.caller())
    if call.output.is_json:
        call.output.answer({"id": gone.id, "text": gone.text, "hard": gone.is_hard})
    else:
        call.output.say(f"{gone.id}  {'removed for good' if gone.is_hard else 'retired'}")
        call.output.say_wrapped(gone.text, "  ")
    return 0


def _confirm(call: Call, request: ForgetRequest) -> None:
    """Ask the person at the terminal; without one, --yes must say it.

    Raises:
        InputError: Not confirmed.
    """
    which = request.id or f"the memory that answers {request.query!r}"
    answer = ""
    if sys.stdin.isatty():
        call.output.say_aside(f"Remove {which} for good? It cannot be undone. Type yes:")
        answer = sys.stdin.readline().strip().lower()
    if answer != "yes":
        raise InputError(
            f"{which} was not removed",
            why="removal for good was not confirmed",
            mend="add --yes, or leave --hard out to retire it",
        )
