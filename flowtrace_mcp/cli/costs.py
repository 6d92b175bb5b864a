"""`flowtrace costs`: what the work cost, and where."""

import argparse
from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.services.costs import (
    BUDGET_MOST_TOKENS,
    BYS,
    LIMIT_DEFAULT,
    CostsRequest,
    costs,
    forecast_row,
)
from flowtrace_mcp.services.views.rows import Row

_LEFT: Final = frozenset(BYS)  # columns of words; the others are numbers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--by",
        choices=BYS,
        default="model",
        metavar="WHAT",
        help=", ".join(BYS) + " (default model)",
    )
    parser.add_argument("--project", default="", metavar="NAME", help="only of one project")
    parser.add_argument("--agent", default="", metavar="NAME", help="only of one agent")
    parser.add_argument("--model", default="", metavar="NAME", help="only of one model")
    parser.add_argument("--since", metavar="TIME", help="from then on; ISO 8601 (30 days ago)")
    parser.add_argument("--until", metavar="TIME", help="before then; ISO 8601 (now)")
    parser.add_argument(
        "--limit", type=int, default=LIMIT_DEFAULT, help=f"rows (default {LIMIT_DEFAULT})"
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the sums as a table."""
    request = CostsRequest(
        by=arguments.by,
        project=arguments.project,
        agent=arguments.agent,
        model=arguments.model,
        since=arguments.since,
        until=arguments.until,
        limit=arguments.limit,
        budget=BUDGET_MOST_TOKENS,
    )
    answer = costs(call.program.context(), request)
    coming = forecast_row(answer.forecast)
    if call.output.is_json:
        call.output.answer(
            {
                "by": answer.by,
                "rows": answer.rows,
                "total": answer.total,
                "forecast_30d": coming,
                "note": answer.note,
                "more": answer.more,
            }
        )
        return 0
    first = "prompt" if answer.by == "prompt_day" else answer.by
    total = {first: "total", **answer.total} if answer.rows and answer.by != "tool" else {}
    for line in _table([*answer.rows, *([total] if total else [])]):
        call.output.say(line)
    if coming:
        told = f"the next 30 days: {coming['usd']} USD ({coming['low']} to {coming['high']})"
        call.output.say(told, Style.DIM)
    if answer.note:
        call.output.say(answer.note, Style.DIM)
    if answer.more:
        call.output.say(f"{answer.more} more; raise --limit", Style.DIM)
    return 0


def _table(rows: Sequence[Row]) -> list[str]:
    """Return rows under their names, words to the left and numbers to the right."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(names))]
    return [
        "  ".join(
            cell.ljust(width) if name in _LEFT else cell.rjust(width)
            for name, cell, width in zip(names, row, widths, strict=True)
        ).rstrip()
        for row in cells
        if names
    ]


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case float():
            return f"{value:,.4f}"
        case int():
            return f"{value:,}"
        case _:
            return str(value)
