"""`flowtrace rebuild`: hold the sums against the spans, and make those again that are wrong."""

import argparse

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.recount import prove_hours

HOURS_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--check", action="store_true", help="only say what is wrong")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Go through every hour; exit with 1 when some said what their spans do not."""
    found = prove_hours(call.program.context(), mend=not arguments.check)
    wrong = [iso_time(hour_us)[:13] + ":00Z" for hour_us in found.wrong_hours_us]
    if call.output.is_json:
        call.output.answer(
            {
                "hours": found.hour_count,
                "rows": found.row_count,
                "stale": found.stale_count,
                "wrong": wrong,
                "mended": not arguments.check,
            }
        )
    else:
        call.output.say(
            f"{found.hour_count} hours, {found.row_count} sums held against their spans"
        )
        if found.stale_count:
            done = "wait to be counted again" if arguments.check else "counted again"
            call.output.say(f"{found.stale_count} had changed spans: {done}")
        for hour in wrong[:HOURS_SHOWN]:
            call.output.say(f"{hour} said something else", Style.BOLD)
        if wrong:
            call.output.say("counted again" if not arguments.check else "run it without --check")
    return 1 if wrong else 0
