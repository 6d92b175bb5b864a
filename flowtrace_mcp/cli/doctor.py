"""`flowtrace doctor`: check the installation, the data and the ports."""

import argparse
from dataclasses import asdict

from flowtrace_mcp.cli.checks import Check, Verdict, check_all
from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes: nothing of its own."""


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print every check and return 1 when one failed."""
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
