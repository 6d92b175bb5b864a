"""`flowtrace privacy`: what is personal, who has read it, hand it out, erase it, and prove that."""

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.erase import EraseRequest, Verified, erase, verify_words
from flowtrace_mcp.services.privacy_report import as_markdown, privacy_report
from flowtrace_mcp.services.subject_export import export_subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=list(_ACTIONS),
        metavar="ACTION",
        nargs="?",
        default="report",
        help="report, export, erase, or verify WORD... (default report)",
    )
    parser.add_argument("words", metavar="WORD", nargs="*", help="verify: what must be nowhere")
    parser.add_argument("--session", default="", help="export, erase: of this session")
    parser.add_argument("--project", default="", metavar="NAME", help="of this project")
    parser.add_argument("--user", default="", help="of this user")
    parser.add_argument("--since", default="", metavar="TIME", help="only from this time on")
    parser.add_argument("--until", default="", metavar="TIME", help="only before this time")
    parser.add_argument("--to", type=Path, metavar="ZIP", help="export: where to")
    parser.add_argument("--backups", action="store_true", help="erase: backups that hold it too")
    parser.add_argument("--yes", action="store_true", help="erase: do not ask before it")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for; 1 when something was found that should be nowhere."""
    return _ACTIONS[arguments.action](call, arguments)


def _report(call: Call, arguments: argparse.Namespace) -> int:
    del arguments
    report = privacy_report(call.program.context())
    if call.output.is_json:
        call.output.answer(report)
    else:
        call.output.say(as_markdown(report))
    return 0


def _export(call: Call, arguments: argparse.Namespace) -> int:
    if arguments.to is None:
        raise InputError("there is no place for the archive", mend="give --to a path")
    counts = export_subject(call.program.context(), _request(arguments), arguments.to)
    if call.output.is_json:
        call.output.answer({"to": str(arguments.to), **counts})
    else:
        told = ", ".join(f"{what} {count:,}" for what, count in counts.items())
        call.output.say(f"{arguments.to}: {told}")
    return 0


def _erase(call: Call, arguments: argparse.Namespace) -> int:
    request = _request(arguments)
    if not arguments.yes:
        _confirm(request)
    done = erase(call.program.context(), request)
    if call.output.is_json:
        call.output.answer(done.body())
    else:
        counted = f"{done.spans:,} spans, {done.records:,} records, {done.memories:,} memories"
        call.output.say(f"erased of {done.subject}: {counted}")
        if not done.is_log_empty:
            call.output.say("the log is still read by others; it is emptied as soon as they end")
        if done.verified is not None:
            _tell(call, done.verified)
    left = done.verified.total if done.verified else 0
    return 1 if left and not done.deleted_backups else 0


def _verify(call: Call, arguments: argparse.Namespace) -> int:
    found = verify_words(call.program.context(), arguments.words)
    if call.output.is_json:
        call.output.answer(found.body())
    else:
        _tell(call, found)
    return 1 if found.total else 0


def _tell(call: Call, found: Verified) -> None:
    call.output.say(f"found: {found.total:,}", Style.BOLD)
    for place, count in found.hits.items():
        call.output.say(f"  {place}: {count:,}")
    for name, count in found.backups.items():
        call.output.say(f"  backup {name}: {count:,}")
    for name in found.unread:
        call.output.say(f"  backup {name} was not read: it is encrypted or damaged")


def _request(arguments: argparse.Namespace) -> EraseRequest:
    since, until = arguments.since, arguments.until
    return EraseRequest(
        session=arguments.session,
        project=arguments.project,
        user=arguments.user,
        since_us=parse_time_us(since, name="since") if since else None,
        until_us=parse_time_us(until, name="until") if until else None,
        with_backups=arguments.backups,
    )


def _confirm(request: EraseRequest) -> None:
    """Ask the person at the terminal; without one, --yes must say it.

    Raises:
        InputError: Not confirmed.
    """
    answer = ""
    if sys.stdin.isatty():
        print("Erase it for good? It cannot be undone. Type yes:", file=sys.stderr)
        answer = sys.stdin.readline().strip().lower()
    if answer != "yes":
        named = request.session or request.project or request.user or "that time"
        raise InputError(
            f"nothing of {named} was erased", why="it was not confirmed", mend="add --yes"
        )


_ACTIONS: Final[Mapping[str, Callable[[Call, argparse.Namespace], int]]] = {
    "report": _report,
    "export": _export,
    "erase": _erase,
    "verify": _verify,
}
