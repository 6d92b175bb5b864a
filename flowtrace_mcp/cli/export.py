"""`flowtrace export`: let memories leave, whole and without secrets."""

import argparse
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.progress import Progress
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.export_files import write_lines, write_pages
from flowtrace_mcp.services.export_memories import (
    Export,
    export_lines,
    export_pages,
    open_export,
)
from flowtrace_mcp.services.named_projects import named_project

JSONL: Final = "jsonl"
MARKDOWN: Final = "markdown"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--format",
        choices=[JSONL, MARKDOWN],
        default=JSONL,
        metavar="FORMAT",
        help="jsonl, one file, or markdown, a folder with a page a memory (default jsonl)",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--project", default="", metavar="NAME", help="this project, instead of the one here"
    )
    which.add_argument(
        "--all", action="store_true", help="all projects, and what belongs to none of them"
    )
    parser.add_argument("--to", type=Path, metavar="PATH", help="file or folder (default stdout)")
    parser.add_argument("--progress", action="store_true", help="say how far it is, on stderr")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Write the memories out, the answer to stdout only when no path is given."""
    if arguments.to is None and (arguments.format == MARKDOWN or call.output.is_json):
        raise InputError(
            "there is no place for the export",
            why="Markdown is a folder, and with --json stdout holds one object",
            mend="give --to a path",
        )
    progress = Progress(output=call.output, label="exporting", is_asked=arguments.progress)
    count = 0

    def note() -> None:
        nonlocal count
        count += 1
        progress.show(min(count / max(total, 1), 1.0))

    export = open_export(call.program.context(), _project(call, arguments), note)
    total = export.memory_count
    try:
        _write(call, export, arguments)
    finally:
        progress.end()
    _tell(call, arguments, count, export.redactor.count)
    return 0


def _project(call: Call, arguments: argparse.Namespace) -> ProjectIdentity | None:
    if arguments.all:
        return None
    if arguments.project:
        return named_project(call.program.context(), arguments.project)
    return call.caller().project


def _write(call: Call, export: Export, arguments: argparse.Namespace) -> None:
    if arguments.to is None:
        for line in export_lines(export):
            call.output.write(line)
    elif arguments.format == JSONL:
        write_lines(arguments.to, export_lines(export))
    else:
        write_pages(arguments.to, export_pages(export))


def _tell(call: Call, arguments: argparse.Namespace, count: int, redactions: int) -> None:
    if call.output.is_json:
        body = {"memories": count, "format": arguments.format, "to": str(arguments.to)}
        call.output.answer({**body, "redactions": redactions} if redactions else body)
        return
    say = call.output.say_aside if arguments.to is None else call.output.say
    say(f"{count} {'memory' if count == 1 else 'memories'} exported")
    if redactions:
        say(f"secrets taken out: {redactions}")
    if arguments.to is not None:
        call.output.say(f"  flowtrace import {arguments.to}", Style.DIM)
