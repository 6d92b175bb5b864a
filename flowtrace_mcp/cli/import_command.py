"""`flowtrace import`: let memories arrive, or make traces of an agent's session files."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.import_sessions import import_sessions, since_of
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.progress import Progress
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.transcripts import claude_code
from flowtrace_mcp.model.found_memory import SourceKind
from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.model.memory_lines import Arrival
from flowtrace_mcp.services.import_memories import Imported, ImportRequest, import_memories
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.transcript_sources import (
    SOURCES,
    TranscriptSource,
    default_folder,
)

# That of bad input: something was not taken, and what was is stored.
EXIT_REFUSED: Final = 2
_TRACES: Final = "traces"
_MEMORIES: Final = "memories"
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
            "a file or folder with memories, or an agent whose sessions are read: "
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
        "--only",
        choices=[_TRACES, _MEMORIES],
        default="",
        metavar="WHAT",
        help=(
            "with an agent: traces, or memories: what the user typed that reads like one, of"
            f" {claude_code.AGENT} alone (default both)"
        ),
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
        return _import_agent(call, SOURCES[arguments.path], arguments)
    _refuse(arguments, ("sessions", "only", "since", "watch"))
    told = _take_memories(call, arguments, Path(arguments.path), SourceKind(arguments.source))
    if call.output.is_json:
        call.output.answer(_body(told, is_dry_run=arguments.dry_run))
    return EXIT_REFUSED if told.problem_count else 0


def _import_agent(call: Call, source: TranscriptSource, arguments: argparse.Namespace) -> int:
    """Read an agent's sessions: memories first, for traces may be followed for ever."""
    has_memories = source.agent == claude_code.AGENT
    if arguments.only == _MEMORIES and not has_memories:
        raise InputError(
            f"no memories are taken from sessions of {source.agent}",
            why=f"it is done for {claude_code.AGENT} alone",
            mend="leave out --only",
        )
    memories, refused = {}, 0
    if has_memories and arguments.only != _TRACES:
        folder = arguments.sessions or default_folder(source, call.program.environ)
        told = _take_memories(call, arguments, folder, SourceKind.TRANSCRIPTS)
        refused = told.problem_count
        memories = {"memories": _body(told, is_dry_run=arguments.dry_run)}
    if arguments.only == _MEMORIES:
        if call.output.is_json:
            call.output.answer({"agent": source.agent, **memories})
        return EXIT_REFUSED if refused else 0
    return import_sessions(call, source, arguments, memories)


def _take_memories(
    call: Call, arguments: argparse.Namespace, path: Path, source: SourceKind
) -> Imported:
    """Take memories in; for people say what became of them."""
    context = call.program.context()
    progress = Progress(output=call.output, label="importing", is_asked=arguments.progress)
    request = ImportRequest(
        path=path,
        source=source,
        project=named_project(context, arguments.project) if arguments.project else None,
        scope=ScopeName(arguments.scope),
        since_us=since_of(arguments),
        is_dry_run=arguments.dry_run,
    )
    try:
        told = import_memories(context, request, call.caller(), progress.show)
    finally:
        progress.end()
    if not call.output.is_json:
        _tell(call, told, is_dry_run=arguments.dry_run)
    return told


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
