"""`flowtrace hook`: what an agent's hook runs; see ``hook_sender``, which does it."""

import argparse
from functools import partial

from flowtrace_mcp.cli import hook_sender
from flowtrace_mcp.cli.hook_alone import answer_alone
from flowtrace_mcp.cli.program import Call


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "agent",
        nargs="?",
        default="",
        metavar="AGENT",
        help=", ".join(hook_sender.AGENTS),
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Send the event on stdin to the listener, or keep it for later; return 0, come what may."""
    return hook_sender.main(
        arguments.agent, call.program.environ, partial(answer_alone, call.program)
    )
