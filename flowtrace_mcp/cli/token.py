"""`flowtrace token`: what programs on this machine show to read over HTTP."""

import argparse

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.services.token import read_or_create_token


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--path", action="store_true", help="print where it is kept instead")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the token, or the file that holds it."""
    settings = call.program.settings
    path = str(settings.token_path)
    if arguments.path:
        found = {"path": path}
    elif settings.api_key:
        found = {"token": settings.api_key, "from": "FLOWTRACE_API_KEY"}
    else:
        found = {"token": read_or_create_token(settings.token_path), "from": path}
    if call.output.is_json:
        call.output.answer(found)
    else:
        call.output.say(next(iter(found.values())))
    return 0
