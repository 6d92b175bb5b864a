"""`flowtrace import <agent>`: make traces of the session files of an agent."""

import argparse
import signal
import time
from collections.abc import Mapping
from typing import Final

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.progress import Progress
from flowtrace_mcp.errors import BusyError
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.import_transcripts import (
    ReadTranscripts,
    TranscriptImporter,
    TranscriptsRequest,
)
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.settle_costs import settle_waiting
from flowtrace_mcp.services.transcript_sources import TranscriptSource

WATCH_S: Final = 1.0
# That of bad input: something was not taken, and what was is stored.
EXIT_REFUSED: Final = 2


def since_of(arguments: argparse.Namespace) -> int:
    """Return the time that is asked for, in microseconds, 0 when none is.

    Raises:
        InputError: It is no time.
    """
    return parse_time_us(arguments.since, name="--since") if arguments.since else 0


def import_sessions(
    call: Call,
    source: TranscriptSource,
    arguments: argparse.Namespace,
    also: Mapping[str, object],
) -> int:
    """Read the sessions, and say what became of them; with ``--watch`` until Ctrl-C.

    Args:
        call: The run of the command.
        source: Whose sessions.
        arguments: Of the command.
        also: What else is told in the JSON answer.
    """
    context = call.program.context()
    request = TranscriptsRequest(
        source=source,
        path=arguments.sessions,
        project=named_project(context, arguments.project) if arguments.project else None,
        since_us=since_of(arguments),
        is_dry_run=arguments.dry_run,
    )
    importer = TranscriptImporter(context, request, call.program.environ)
    progress = Progress(output=call.output, label="importing", is_asked=arguments.progress)
    try:
        told = importer.run_once(progress.show)
    finally:
        progress.end()
    settle_waiting(context)
    _tell(call, source.agent, told, also, is_dry_run=arguments.dry_run)
    if arguments.watch:  # a shell starts what runs in the background with SIGINT ignored
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
    try:
        while arguments.watch:
            time.sleep(WATCH_S)
            try:
                more = importer.run_once()
            except BusyError as error:
                call.output.say_aside(f"not yet: {error.what}")
                continue
            if more.files:
                settle_waiting(context)
                _tell(call, source.agent, more, {}, is_dry_run=arguments.dry_run)
    except KeyboardInterrupt:
        return 0
    return EXIT_REFUSED if told.refused else 0


def _tell(
    call: Call, agent: str, told: ReadTranscripts, also: Mapping[str, object], *, is_dry_run: bool
) -> None:
    if call.output.is_json:
        call.output.answer(
            {
                "agent": agent,
                "dry_run": is_dry_run,
                "files": told.files,
                "sessions": len(told.sessions),
                "turns": told.spans["turn"],
                "model_calls": told.spans["model"],
                "tool_calls": told.spans["tool"],
                "copied": told.copied,
                "refused": told.refused,
                "problems": told.problems,
                **also,
            }
        )
        return
    counts = ", ".join(
        f"{told.spans[kind]} {said}"
        for kind, said in (("turn", "turns"), ("model", "model calls"), ("tool", "tool calls"))
    )
    stored = "; nothing was stored" if is_dry_run else ""
    what = f"{len(told.sessions)} sessions in {told.files} files: {counts}"
    call.output.say(f"{agent}: {what if told.files else 'nothing new'}{stored}")
    if told.copied:
        call.output.say(f"calls that stand in another session already: {told.copied}")
    for problem in told.problems:
        call.output.say_aside(f"not taken: {problem}")
    if told.refused > len(told.problems):
        call.output.say_aside(f"not taken: {told.refused - len(told.problems)} more lines")
