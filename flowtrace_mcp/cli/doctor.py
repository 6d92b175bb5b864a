"""`flowtrace doctor`: check the installation, the data and the ports."""

import argparse
import time
from dataclasses import asdict

from flowtrace_mcp.cli.check import Check, Verdict
from flowtrace_mcp.cli.checks import check_all
from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.services.repair_database import repair_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--repair",
        action="store_true",
        help="make a damaged database whole as far as it can be read; the original is kept",
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print every check and return 1 when one failed."""
    if arguments.repair:
        return _repair(call)
    checks = []
    for check in check_all(call.program):
        checks.append(check)
        if not call.output.is_json:
            _tell(call, check)
    failures = sum(check.verdict is Verdict.FAIL for check in checks)
    warnings = sum(check.verdict is Verdict.WARN for check in checks)
    if call.output.is_json:
        call.output.answer(
            {
                "checks": [asdict(check) for check in checks],
                "failures": failures,
                "warnings": warnings,
            }
        )
    else:
        call.output.say(f"{failures} failed, {warnings} to look at", Style.BOLD)
    return 1 if failures else 0


def _tell(call: Call, check: Check) -> None:
    style = Style.PLAIN if check.verdict is Verdict.OK else Style.BOLD
    call.output.say(f"{check.verdict.value:<5}{check.name:<16}{check.found}", style)
    if check.mend:
        call.output.say(f"{'':<5}{'':<16}mend: {check.mend}", style)


def _repair(call: Call) -> int:
    """Repair the file and say what was saved; 1 when anything was lost."""
    done = repair_database(call.program.settings, time.time_ns() // 1000)
    if call.output.is_json:
        call.output.answer(
            {
                "kept_aside": str(done.kept_aside),
                "rows": done.rows,
                "damaged_tables": done.damaged_tables,
                "lost_payloads": done.lost_payloads,
            }
        )
    else:
        saved = ", ".join(f"{table} {count:,}" for table, count in done.rows.items() if count)
        call.output.say(f"saved: {saved or 'nothing could be read'}")
        for table in done.damaged_tables:
            call.output.say(f"not all of {table} could be read", Style.BOLD)
        if done.lost_payloads:
            call.output.say(f"spans without their bytes: {done.lost_payloads:,}")
        call.output.say(f"the original is in {done.kept_aside}", Style.DIM)
    return 1 if done.damaged_tables or done.lost_payloads else 0
