"""`flowtrace keys`: let others read or write over HTTP, each with a key of its own."""

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.keys import Role, create_key, revoke_key
from flowtrace_mcp.storage.api_keys import ApiKey

AUDIT_SHOWN: Final = 100
_ABOVE_ALL: Final = 2**62


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=["list", "create", "revoke", "audit"],
        metavar="ACTION",
        nargs="?",
        default="list",
        help="list, create NAME, revoke ID, or audit: who did what (default list)",
    )
    parser.add_argument("which", metavar="NAME", nargs="?", default="", help="a name, or an id")
    parser.add_argument(
        "--role", choices=list(Role), default="reader", metavar="ROLE", help="reader, writer, admin"
    )
    parser.add_argument(
        "--project", action="append", default=[], metavar="NAME", help="only this one; repeatable"
    )
    parser.add_argument("--days", type=int, metavar="N", help="how long it opens anything")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    context = call.program.context()
    if arguments.action in {"create", "revoke"} and not arguments.which:
        raise InputError(f"keys {arguments.action} needs to know which", mend="name it")
    match arguments.action:
        case "create":
            _create(call, context, arguments)
        case "revoke":
            revoke_key(context, arguments.which)
            if call.output.is_json:
                call.output.answer({"success": True, "key_id": arguments.which})
            else:
                call.output.say(f"{arguments.which} opens nothing any more")
        case "audit":
            _audit(call, context)
        case _:
            _list(call, context)
    return 0


def _create(call: Call, context: Context, arguments: argparse.Namespace) -> None:
    key, secret = create_key(
        context,
        arguments.which,
        arguments.role,
        projects=arguments.project,
        days=arguments.days,
    )
    if call.output.is_json:
        call.output.answer({**msgspec.to_builtins(key), "secret": secret})
        return
    call.output.say(secret)
    call.output.say_aside(
        f"{key.key_id}, {key.role}: it is told this once; nobody can tell it again"
    )


def _list(call: Call, context: Context) -> None:
    keys = context.store.access.list_keys()
    if call.output.is_json:
        found = [msgspec.to_builtins(key) for key in keys]
        call.output.answer({"keys": found, "total": len(found)})
        return
    now_us = context.now_us()
    for key in keys:
        call.output.say(f"{key.key_id}  {key.name}", Style.BOLD)
        where = ", ".join(key.projects) or "all projects"
        call.output.say(f"  {key.role}, {where}, {_Standing(key, now_us)}")
    if not keys:
        call.output.say("no key; `flowtrace keys create NAME` makes one")


def _audit(call: Call, context: Context) -> None:
    entries = context.store.access.list_entries(_ABOVE_ALL, 0, AUDIT_SHOWN)
    if call.output.is_json:
        call.output.answer({"items": [msgspec.to_builtins(entry) for entry in entries]})
        return
    for entry in entries:
        moment = datetime.fromtimestamp(entry.at_us / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
        status = f" {entry.status}" if entry.status else ""
        call.output.say(f"{moment}  {entry.who}  {entry.action}  {entry.what}{status}")
    if not entries:
        call.output.say("nothing yet")


@dataclass(frozen=True, slots=True)
class _Standing:
    """Whether a key opens anything now."""

    key: ApiKey
    now_us: int

    def __str__(self) -> str:
        if self.key.revoked_us is not None:
            return "revoked"
        if self.key.expires_us is not None and self.now_us >= self.key.expires_us:
            return "over"
        return "in force"
