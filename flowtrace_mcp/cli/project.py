"""`flowtrace project`: list the projects, call one something else, make two of them one."""

import argparse
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.project_register import (
    KnownProject,
    Merge,
    list_known_projects,
    merge_projects,
    rename_project,
)
from flowtrace_mcp.storage.project_store import ProjectCounts

# What each action takes, as a person reads it.
_TAKES: Final = {"list": (), "merge": ("FROM", "INTO"), "rename": ("PROJECT", "NAME")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=list(_TAKES),
        metavar="ACTION",
        nargs="?",
        default="list",
        help="list, merge FROM INTO, or rename PROJECT NAME (default list)",
    )
    parser.add_argument(
        "names", metavar="PROJECT", nargs="*", help="a name, an identity or a number"
    )
    parser.add_argument("--yes", action="store_true", help="merge; without it, say what would move")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    takes, names = _TAKES[arguments.action], arguments.names
    if len(names) != len(takes):
        raise InputError(
            f"project {arguments.action} takes {' and '.join(takes) or 'nothing more'}",
            why=f"{len(names)} were given",
            mend="see `flowtrace project --help`",
        )
    context = call.program.context()
    if arguments.action == "merge":
        _tell_merge(call, merge_projects(context, *names, dry_run=not arguments.yes))
    elif arguments.action == "rename":
        project = rename_project(context, *names)
        if call.output.is_json:
            call.output.answer(
                {"id": project.project_id, "identity": project.identity, "name": project.name}
            )
        else:
            call.output.say(f"{project.identity} is called {project.name} now")
    else:
        _tell_list(call, list_known_projects(context))
    return 0


def _tell_list(call: Call, known: list[KnownProject]) -> None:
    if call.output.is_json:
        call.output.answer({"items": [_body(one) for one in known]})
        return
    for one in known:
        call.output.say(f"{one.project.project_id:>4}  {one.project.name}", Style.BOLD)
        call.output.say(f"      {one.project.identity}")
        for identity in one.also:
            call.output.say(f"      also {identity}", Style.DIM)
        call.output.say(f"      {_counted(one.counts)}", Style.DIM)
    if not known:
        call.output.say("no project yet; one comes with the first memory or session")


def _tell_merge(call: Call, merge: Merge) -> None:
    if call.output.is_json:
        call.output.answer(
            {
                "from": merge.source.identity,
                "into": merge.target.identity,
                **_counts(merge.moved),
                "done": merge.is_done,
            }
        )
        return
    verb = "moved" if merge.is_done else "would move"
    call.output.say(f"{verb} from {merge.source.identity} to {merge.target.identity}:")
    call.output.say(f"  {_counted(merge.moved)}")
    if not merge.is_done:
        call.output.say("  nothing was changed; it cannot be undone: add --yes to do it", Style.DIM)


def _body(one: KnownProject) -> dict[str, object]:
    body: dict[str, object] = {
        "id": one.project.project_id,
        "name": one.project.name,
        "identity": one.project.identity,
        **_counts(one.counts),
    }
    return body | ({"also": list(one.also)} if one.also else {})


def _counts(counts: ProjectCounts) -> dict[str, int]:
    return {
        "memories": counts.memory_count,
        "sessions": counts.session_count,
        "spans": counts.span_count,
    }


def _counted(counts: ProjectCounts) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in _counts(counts).items())
