"""`flowtrace recall`: find memories by words and by meaning."""

import argparse
from contextlib import suppress
from dataclasses import replace
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import BusyError, StorageError
from flowtrace_mcp.model.memory import MemoryKind, ScopeName
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import MeaningState
from flowtrace_mcp.services.recall import Recalled, RecallRequest, recall, row_of
from flowtrace_mcp.services.recall_bounds import (
    BUDGET_DEFAULT_TOKENS,
    LIMIT_DEFAULT,
)
from flowtrace_mcp.services.unasked import brief
from flowtrace_mcp.services.upkeep import embed_pending

# A command comes once and has no second question: it waits for what a server would answer without.
MODEL_PATIENCE_S: Final = 3.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("query", metavar="QUERY", nargs="?", default="", help="what to look for")
    parser.add_argument(
        "--limit", type=int, default=LIMIT_DEFAULT, help=f"rows (default {LIMIT_DEFAULT})"
    )
    parser.add_argument(
        "--budget",
        type=int,
        default=BUDGET_DEFAULT_TOKENS,
        help=f"tokens that the answer may take (default {BUDGET_DEFAULT_TOKENS})",
    )
    parser.add_argument(
        "--scope",
        choices=[scope.value for scope in ScopeName],
        default=ScopeName.SESSION.value,
        metavar="SCOPE",
        help="narrowest layer to read: global, repo, branch or session (default session: all)",
    )
    parser.add_argument(
        "--kind",
        action="append",
        choices=[kind.value for kind in MemoryKind],
        default=[],
        metavar="KIND",
        help="only " + ", ".join(MemoryKind) + "; repeatable",
    )
    parser.add_argument(
        "--tag", action="append", default=[], help="only with this tag; repeatable, all must fit"
    )
    parser.add_argument("--since", metavar="TIME", help="remembered at or after; ISO 8601")
    parser.add_argument("--until", metavar="TIME", help="remembered before; ISO 8601")
    parser.add_argument("--as-of", metavar="TIME", help="what was held true then; ISO 8601")
    parser.add_argument(
        "--expand",
        action="append",
        default=[],
        metavar="ID",
        help="show this memory whole, retired ones too; repeatable",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="rather nothing than a guess; without QUERY what a session starts with",
    )
    parser.add_argument(
        "--session",
        metavar="ID",
        default="",
        help="with --strict: show nothing twice in this session of an agent",
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the memories that answer the query, best first."""
    context = call.program.context()
    request = RecallRequest(
        query=arguments.query,
        limit=arguments.limit,
        budget=arguments.budget,
        scope=ScopeName(arguments.scope),
        kinds=[MemoryKind(kind) for kind in arguments.kind],
        tags=arguments.tag,
        since=arguments.since,
        until=arguments.until,
        as_of=arguments.as_of,
        expand=arguments.expand,
        strict=arguments.strict,
    )
    caller = call.caller()
    if arguments.session:
        caller = replace(caller, session=storable(arguments.session))
    if request.strict and not (request.query.strip() or request.expand):
        answer = brief(context, caller, budget=request.budget)
    else:
        await_meaning(context, request.query)
        answer = recall(context, request, caller)
    if call.output.is_json:
        call.output.answer(_body(answer))
    else:
        _tell(call, answer)
    return 0


def await_meaning(context: Context, query: str) -> None:
    """Have a model at hand: that of a running server, else one loaded here and now.

    Loaded here, it also embeds memories that were written while no server ran.
    """
    if not query.strip():
        return
    context.meaning.encode([query], patience_s=MODEL_PATIENCE_S)
    if context.meaning.state is MeaningState.READY:
        with suppress(StorageError, BusyError):  # reading goes on where writing cannot
            embed_pending(context)


def _body(answer: Recalled) -> dict[str, object]:
    body: dict[str, object] = {
        "memories": [row_of(memory) for memory in answer.memories],
        "more": answer.more,
        "tokens": answer.tokens,
    }
    if answer.reason:
        body["reason"] = answer.reason
    return body


def _tell(call: Call, answer: Recalled) -> None:
    say = call.output.say
    for memory in answer.memories:
        files = "  ".join(memory.memory.files)
        cut = f"  (cut; --expand {memory.id})" if memory.is_cut else ""
        doubt = "  (reads like an instruction to a model)" if memory.is_instruction else ""
        stale = "  (verify: its files have changed since)" if memory.is_stale else ""
        head = f"{memory.id}  {memory.when}  {memory.kind.value:<10}  {files}"
        say(f"{head.rstrip()}{stale}{doubt}{cut}", Style.BOLD)
        call.output.say_wrapped(memory.text, "  ")
    if not answer.memories:
        say(answer.reason or "nothing fits in the budget; give a larger --budget")
    if answer.more:
        say(f"{answer.more} more; raise --limit or --budget", Style.DIM)
