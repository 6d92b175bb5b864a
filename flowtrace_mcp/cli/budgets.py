"""`flowtrace budgets`: what may be spent, how far it is, and who is told."""

import argparse
from dataclasses import replace
from typing import Final

from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.periods import PERIODS
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.budget_watch import BudgetWatch
from flowtrace_mcp.services.budget_words import amount_words
from flowtrace_mcp.services.budgets import (
    UNITS,
    BudgetRequest,
    BudgetState,
    find_budget,
    find_request,
    list_states,
    project_word,
    set_budget,
    state_body,
)
from flowtrace_mcp.services.context import Context

_PERIOD_DEFAULT: Final = "monthly"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=["list", "set", "remove", "check"],
        metavar="ACTION",
        nargs="?",
        default="list",
        help="list them, set or remove one, or look at all now and tell (default list)",
    )
    parser.add_argument("name", nargs="?", default="", metavar="NAME", help="which budget")
    parser.add_argument("--amount", type=float, metavar="N", help="set: what may be spent")
    parser.add_argument(
        "--period", metavar="PERIOD", choices=PERIODS, help=", ".join(PERIODS) + " (monthly)"
    )
    parser.add_argument("--unit", metavar="UNIT", choices=UNITS, help="usd or tokens (usd)")
    parser.add_argument(
        "--at",
        type=int,
        action="append",
        metavar="PERCENT",
        help="tell at this share of it; may be given again (100)",
    )
    parser.add_argument("--project", metavar="NAME", help="only what this project spends")
    parser.add_argument("--agent", metavar="NAME", help="only what this agent spends")
    parser.add_argument("--model", metavar="NAME", help="only what this model costs")
    parser.add_argument("--description", metavar="TEXT", help="your own words")
    parser.add_argument("--webhook", metavar="URL", help="post events there, on this machine")
    for word, what in (
        ("command", "run the settings' budget_command"),
        ("stop", "let the hook of Claude Code refuse to go on at 100 %%"),
        ("paused", "do not look at it for now"),
    ):
        parser.add_argument(f"--{word}", action=argparse.BooleanOptionalAction, help=what)


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    context = call.program.context()
    fired = 0
    match arguments.action:
        case "set":
            set_budget(context, _request(context, arguments))
        case "remove":
            context.store.budgets.delete_budget(find_budget(context, arguments.name).budget_id)
        case "check":
            fired = _check(context)
    states = list_states(context)
    if call.output.is_json:
        shown = {"budgets": [state_body(context, one) for one in states]}
        call.output.answer(shown | ({"fired": fired} if arguments.action == "check" else {}))
        return 0
    for state in states:
        call.output.say(_line(context, state))
    if not states:
        call.output.say("no budget; `flowtrace budgets set daily --period daily --amount 10`")
    if arguments.action == "check":
        call.output.say(f"{fired} thresholds were reached anew")
    return 0


def _check(context: Context) -> int:
    watch = BudgetWatch(context)
    try:
        return watch.look()
    finally:
        watch.close()


def _request(context: Context, arguments: argparse.Namespace) -> BudgetRequest:
    """Return the budget as it is to be: what is not said stays as it was."""
    if not arguments.name.strip():
        raise InputError("which budget?", why="no name is given", mend="say its name after `set`")
    given = {
        "amount": arguments.amount,
        "period": arguments.period,
        "unit": arguments.unit,
        "thresholds": arguments.at,
        "project": arguments.project,
        "agent": arguments.agent,
        "model": arguments.model,
        "description": arguments.description,
        "webhook": arguments.webhook,
        "runs_command": arguments.command,
        "stops": arguments.stop,
        "is_active": None if arguments.paused is None else not arguments.paused,
    }
    said = {name: value for name, value in given.items() if value is not None}
    before = find_request(context, arguments.name)
    if before is not None:
        return replace(before, **said)
    if arguments.amount is None:
        raise InputError("how much may be spent?", why="no amount is given", mend="--amount 10")
    return BudgetRequest(**{"name": arguments.name, "period": _PERIOD_DEFAULT, **said})


def _line(context: Context, state: BudgetState) -> str:
    budget = state.budget
    unit = "tokens" if budget.unit == "tokens" else "USD"
    spent, amount = (amount_words(one, budget.unit) for one in (state.spent, budget.amount))
    share = f"{spent} of {amount} {unit} {budget.period} ({state.percent:.0f} %)"
    of = {
        "project": project_word(context, budget),
        "agent": budget.agent,
        "model": budget.model,
    }
    parts = [f"{budget.name}: {share}", *(f"{what} {told}" for what, told in of.items() if told)]
    if state.until_us is not None:
        parts.append(f"until {iso_time(state.until_us)}")
    if state.unpriced_count:
        parts.append(f"{state.unpriced_count} calls have no price and are not in it")
    if budget.stops:
        parts.append("stops agents")
    if not budget.is_active:
        parts.append("paused")
    return ", ".join(parts)
