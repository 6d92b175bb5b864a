"""`flowtrace traces`: what agents did."""

import argparse
from typing import Final, get_args

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.services.traces import TracesRequest, View, traces

LIMIT_DEFAULT: Final = 20
# A screen is wider than what a model's context can spare: nearly three times the tool's own.
BUDGET_DEFAULT_TOKENS: Final = 4000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--session",
        default="all",
        metavar="NAME",
        help="of one session, or last (default all)",
    )
    parser.add_argument("--trace", default="", metavar="ID", help="one trace, as a tree")
    parser.add_argument("--span", default="", metavar="ID", help="one span with all it says")
    parser.add_argument(
        "--query", default="", help="what spans say, and limits: errors last hour deploy"
    )
    parser.add_argument(
        "--view",
        choices=get_args(View),
        default="list",
        metavar="VIEW",
        help=", ".join(get_args(View)) + " (default list)",
    )
    parser.add_argument("--since", metavar="TIME", help="started at or after; ISO 8601")
    parser.add_argument("--until", metavar="TIME", help="started before; ISO 8601")
    parser.add_argument(
        "--limit", type=int, default=LIMIT_DEFAULT, help=f"rows (default {LIMIT_DEFAULT})"
    )
    parser.add_argument(
        "--budget",
        type=int,
        default=BUDGET_DEFAULT_TOKENS,
        help=f"tokens that the answer may take (default {BUDGET_DEFAULT_TOKENS})",
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the view that was asked for."""
    request = TracesRequest(
        session=arguments.session,
        trace_id=arguments.trace,
        span_id=arguments.span,
        query=arguments.query,
        view=arguments.view,
        since=arguments.since,
        until=arguments.until,
        limit=arguments.limit,
        budget=arguments.budget,
    )
    answer = traces(call.program.context(), request, call.caller())
    if call.output.is_json:
        call.output.answer(
            {
                "view": answer.view,
                "rows": answer.rows,
                "note": answer.note,
                "more": answer.more,
                "tokens": answer.tokens,
            }
        )
        return 0
    for line in answer.lines:
        call.output.say(line)
    if answer.note:
        call.output.say(answer.note, Style.DIM)
    if answer.more:
        call.output.say(f"{answer.more} more; raise --limit or --budget", Style.DIM)
    return 0
