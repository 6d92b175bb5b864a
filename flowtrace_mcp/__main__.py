"""The entry point: MCP on stdin and stdout without arguments, else the command line."""

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_AT_A_TERMINAL = (
    "Serving MCP on stdin and stdout, as an editor starts it; Ctrl-C ends it.\n"
    "`flowtrace --help` lists what can be typed instead.\n"
)


def main(argv: "Sequence[str] | None" = None) -> int:
    """Serve, or run the command that was typed, and return the exit code.

    Args:
        argv: The arguments without the program's name; None = those of this process.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if arguments and arguments[0] == "hook" and "--help" not in arguments:
        # An agent waits at every tool call, and some take exit code 2 for a veto: nothing else of
        # ours is imported, and nothing typed here is an error.
        from flowtrace_mcp.cli import hook_sender

        agent = next((one for one in arguments[1:] if one[:1] != "-"), "")
        code = hook_sender.main(agent, os.environ, _answer_alone)
        if argv is None:
            os._exit(code)  # nothing is left to flush, and taking a program down takes time
        return code
    from flowtrace_mcp.app import Application

    if not arguments:
        # An editor waits for the first answer: nothing of the command line is imported.
        if sys.stdin is not None and sys.stdin.isatty():
            sys.stderr.write(_AT_A_TERMINAL)
        Application().serve_stdio()
        return 0
    from flowtrace_mcp.cli import parser

    return parser.main(arguments, Application)


def _answer_alone(agent: str, event: bytes, folder: str, project: str) -> bytes:
    """Return what a session starts with, from the file itself; see ``hook_alone``."""
    from flowtrace_mcp.app import Application
    from flowtrace_mcp.cli.hook_alone import answer_alone

    program = Application({**os.environ, "FLOWTRACE_EMBEDDER": "off"}, listen=False)
    try:
        return answer_alone(program, agent, event, folder, project)
    finally:
        program.close()


if __name__ == "__main__":
    sys.exit(main())
