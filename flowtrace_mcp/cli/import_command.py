"""`flowtrace import`: let memories arrive, or make traces of an agent's session files."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.import_sessions import import_sessions
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.progress import Progress
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.found_memory import SourceKind
from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.model.memory_lines import Arrival
from flowtrace_mcp.services.import_memories import Imported, ImportRequest, import_memories
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.transcript_sources import SOURCES

# That of bad input: something was not taken, and what was is stored.
EXIT_REFUSED: Final = 2
_SAID: Final = {
    Arrival.NEW: "new",
    Arrival.UPDATED: "known, with something new",
    Arrival.KNOWN: "known already",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "path",
        metavar="PATH|AGENT",
        help=(
            "a file or folder with memories, or an agent whose sessions become traces: "
            + ", ".join(SOURCES)
        ),
    )
    parser.add_argument(
        "sessions",
        nargs="?",
        metavar="SESSIONS",
        type=Path,
        help="with an agent: its file or folder (default: where it keeps them)",
    )
    parser.add_argument(
        "--from",
        dest="source",
        choices=[kind.value for kind in SourceKind],
        default=SourceKind.AUTO.value,
        metavar="KIND",
        help=", ".join(SourceKind) + " (default auto)",
    )
    parser.add_argument(
        "--project", default="", metavar="NAME", help="take all of it into this project"
    )
    parser.add_argument(
        "--scope",
        choices=[ScopeName.REPO.value, ScopeName.GLOBAL.value],
        default=ScopeName.REPO.value,
        metavar="SCOPE",
        help="of what another program wrote: repo or global (default repo)",
    )
    parser.add_argument(
        "--since", metavar="TIME", help="with an agent: only what began then or later"
    )
    parser.add_argument(
        "--watch", action="store_true", help="with an agent: go on with what is written, for ever"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, only")
    parser.add_argument("--progress", action="store_true", help="say how far it is, on stderr")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Take memories or sessions in and say what became of them."""
    if arguments.path in SOURCES and not Path(arguments.path).exists():
        return import_sessions(call, SOURCES[arguments.path], arguments)
    _refuse(arguments, ("sessions", "since", "watch"))
    context = call.program.context()
    progress = Progress(output=call.output, label="importing", is_asked=arguments.progress)
    project = named_project(context, arguments.project) if arguments.project else None
    request = ImportRequest(
        path=Path(arguments.path),
        source=SourceKind(arguments.source),
        project=project,
        scope=ScopeName(arguments.scope),
        is_dry_run=arguments.dry_run,
    )
    try:
        told = import_memories(context, request, call.caller(), progress.show)
    finally:
        progress.end()
    if call.output.is_json:
        call.output.answer(_body(told, is_dry_run=arguments.dry_run))
    else:
        _tell(call, told, is_dry_run=arguments.dry_run)
    return EXIT_REFUSED if told.problem_count else 0


def _refuse(arguments: argparse.Namespace, names: Sequence[str]) -> None:
    """Refuse what is only said with an agent."""
    for name in names:
        if getattr(arguments, name):
            raise InputError(
                f"{name} goes with an agent",
                why=f"{arguments.path!r} is none of {', '.join(SOURCES)}",
                mend="name an agent first, or leave it out",
            )


def _body(told: Imported, *, is_dry_run: bool) -> dict[str, object]:
    return {
        "from": told.source.value,
        "dry_run": is_dry_run,
        **{arrival.value: told.arrivals[arrival] for arrival in _SAID},
        "links": told.links,
        "loose_links": told.loose_links,
        "redactions": told.redactions,
        "refused": told.problem_count,
        "problems": [{"place": one.place, "why": one.why} for one in told.problems],
    }


def _tell(call: Call, told: Imported, *, is_dry_run: bool) -> None:
    say, aside = call.output.say, call.output.say_aside
    counts = [
        f"{told.arrivals[arrival]} {said}"
        for arrival, said in _SAID.items()
        if told.arrivals[arrival] or arrival is Arrival.NEW
    ]
    say(f"{told.source.value}: {', '.join(counts)}{'; nothing was stored' if is_dry_run else ''}")
    if told.redactions:
        say(f"secrets taken out: {told.redactions}")
    if told.loose_links:
        say(f"links to memories that are not here: {told.loose_links}")
    for problem in told.problems:
        aside(f"not taken: {problem.place}: {problem.why}")
    if told.problem_count > len(told.problems):
        aside(f"not taken: {told.problem_count - len(told.problems)} more")
