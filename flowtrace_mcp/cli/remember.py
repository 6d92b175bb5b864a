"""`flowtrace remember`: keep one memory."""

import argparse
import sys
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.memory import MemoryKind, Outcome, ScopeName
from flowtrace_mcp.services.remember import Remembered, RememberRequest, remember

FROM_STDIN: Final = "-"
# A session is what an agent has; whoever types a command is in none.
SCOPES: Final = (ScopeName.REPO, ScopeName.BRANCH, ScopeName.GLOBAL)
_SAID: Final = {
    Outcome.NEW: "remembered",
    Outcome.SAME: "known already: counted once more",
    Outcome.REFINES: "remembered, beside a near one; both stay",
    Outcome.SUPERSEDES: "remembered; the older one is retired",
    Outcome.CONFLICTS: "remembered, but an older one says otherwise; both stay",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("text", metavar="TEXT", help="what to remember; - reads it from stdin")
    parser.add_argument(
        "--kind",
        choices=[kind.value for kind in MemoryKind],
        default=MemoryKind.NOTE.value,
        metavar="KIND",
        help=", ".join(MemoryKind) + " (default note)",
    )
    parser.add_argument(
        "--topic", default="", help="what it is about; a later one of the same topic replaces it"
    )
    parser.add_argument(
        "--scope",
        choices=[scope.value for scope in SCOPES],
        default=ScopeName.REPO.value,
        metavar="SCOPE",
        help="repo, branch or global (default repo)",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        metavar="PATH",
        help="a file it speaks of; repeatable",
    )
    parser.add_argument(
        "--tag", action="append", default=[], help="a word to filter by; repeatable"
    )
    parser.add_argument(
        "--supersedes", default="", metavar="ID", help="the memory that this one replaces"
    )
    parser.add_argument("--valid-from", metavar="TIME", help="true since then; ISO 8601")
    parser.add_argument("--valid-to", metavar="TIME", help="true until then; ISO 8601")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Store the memory and say what became of it."""
    request = RememberRequest(
        content=_stdin_text() if arguments.text == FROM_STDIN else arguments.text,
        kind=MemoryKind(arguments.kind),
        topic=arguments.topic,
        scope=ScopeName(arguments.scope),
        files=arguments.file,
        tags=arguments.tag,
        supersedes=arguments.supersedes,
        valid_from=arguments.valid_from,
        valid_to=arguments.valid_to,
    )
    remembered = remember(call.program.context(), request, call.caller())
    if call.output.is_json:
        call.output.answer(_body(remembered))
    else:
        _tell(call, remembered)
    return 0


def _stdin_text() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise InputError(
            "cannot read the text from stdin",
            why=f"byte {error.start} is not UTF-8",
            mend="convert it to UTF-8",
        ) from error


def _body(remembered: Remembered) -> dict[str, object]:
    body: dict[str, object] = {"id": remembered.id, "outcome": remembered.outcome.value}
    if remembered.old_id:
        body |= {"old_id": remembered.old_id, "old_text": remembered.old_text}
    if remembered.redactions:
        body["redactions"] = remembered.redactions
    return body


def _tell(call: Call, remembered: Remembered) -> None:
    call.output.say(f"{remembered.id}  {_SAID[remembered.outcome]}")
    if remembered.old_id and remembered.outcome is not Outcome.SAME:
        call.output.say_wrapped(f"{remembered.old_id}: {remembered.old_text}", "  ", Style.DIM)
    if remembered.redactions:
        call.output.say(f"  secrets taken out before storing: {remembered.redactions}")
    if remembered.outcome is Outcome.CONFLICTS:
        call.output.say(
            f"  settle it: flowtrace forget {remembered.old_id} (or {remembered.id})", Style.DIM
        )
