"""`flowtrace retention`: how long what agents did is kept, and what goes now."""

import argparse
from typing import Final

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.edge import Sensitivity
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.services.retention import Enforcement, effective_rules
from flowtrace_mcp.storage.retention_rules import ALL_PROJECTS, RetentionRule

SENSITIVITIES: Final = {
    "all": 0,
    "pii": int(Sensitivity.PII),
    "secret": int(Sensitivity.SECRET),
    "internal": int(Sensitivity.INTERNAL),
}
_WORDS: Final = {bits: word for word, bits in SENSITIVITIES.items()}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=["list", "set", "clear", "run"],
        metavar="ACTION",
        nargs="?",
        default="list",
        help="list the rules, set or clear one, or run them now (default list)",
    )
    parser.add_argument("--project", default="", metavar="NAME", help="only of this project")
    parser.add_argument("--days", type=int, metavar="N", help="set: keep so many days")
    parser.add_argument("--bytes", type=int, metavar="N", help="set: keep so many bytes")
    parser.add_argument(
        "--sensitivity",
        choices=list(SENSITIVITIES),
        default="all",
        metavar="KIND",
        help="only spans that are pii, secret or internal (default all)",
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    context = call.program.context()
    if arguments.action == "run":
        _run(call, context)
        return 0
    if arguments.action != "list":
        _change(context, arguments)
    rules = [_body(context, rule) for rule in effective_rules(context)]
    if call.output.is_json:
        call.output.answer({"rules": rules, "file_bytes_most": context.settings.retention_bytes})
        return 0
    for rule in rules:
        told = [f"{key} {value}" for key, value in rule.items() if value is not None]
        call.output.say(", ".join(told))
    if not rules:
        call.output.say("everything is kept; `flowtrace retention set --days 90` changes that")
    return 0


def _run(call: Call, context: Context) -> None:
    done = Enforcement(
        context=context,
        note=lambda what, count: (
            call.output.say_aside(f"deleted {what}: {count:,}") if not call.output.is_json else None
        ),
    ).run()
    if call.output.is_json:
        call.output.answer(done.body())
        return
    call.output.say(f"deleted {done.spans + done.outlived:,} spans and {done.records:,} records")
    call.output.say(f"  in use: {done.bytes_before:,} bytes before, {done.bytes_after:,} now")


def _change(context: Context, arguments: argparse.Namespace) -> None:
    project_id = ALL_PROJECTS
    if arguments.project:
        project = named_project(context, arguments.project)
        project_id = context.store.project_id(project.identity, project.name)
    sensitivity = SENSITIVITIES[arguments.sensitivity]
    if arguments.action == "clear":
        context.store.retention.delete_rule(project_id, sensitivity)
        return
    given = [one for one in (arguments.days, arguments.bytes) if one is not None]
    if not given or min(given) < 0:
        raise InputError(
            "cannot set the rule",
            why="it keeps so many days or bytes, 0 or more",
            mend="give --days or --bytes",
        )
    context.store.retention.set_rule(
        RetentionRule(
            project_id=project_id,
            sensitivity=sensitivity,
            keep_days=arguments.days,
            keep_bytes=arguments.bytes,
        )
    )


def _body(context: Context, rule: RetentionRule) -> dict[str, object]:
    names = {one.project_id: one.name for one in context.store.list_projects()}
    return {
        "project": "all" if rule.project_id == ALL_PROJECTS else names.get(rule.project_id, "none"),
        "sensitivity": _WORDS.get(rule.sensitivity, str(rule.sensitivity)),
        "days": rule.keep_days,
        "bytes": rule.keep_bytes,
    }
