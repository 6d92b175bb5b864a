"""`flowtrace prices`: what models cost, in USD per million tokens."""

import argparse
from datetime import UTC, datetime
from typing import Final

import msgspec

from flowtrace_mcp.cli.output import Output, Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.price import CLASSES, Price, Rates
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.prices import (
    find_price,
    read_source,
    remove_price,
    restore_table,
    set_price,
    show_prices,
    update_table,
)
from flowtrace_mcp.services.settle_costs import recompute_costs

_ACTIONS: Final = ("show", "set", "update", "recompute")
_RATES: Final = {
    "input": "uncached input",
    "output": "output",
    "cache_read": "input read from a cache (default as input)",
    "cache_write": "input written to a cache (default as input)",
    "cache_write_1h": "input written to a cache for an hour (default as cache-write)",
    "reasoning": "reasoning (default as output)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        nargs="?",
        choices=_ACTIONS,
        default="show",
        metavar="ACTION",
        help="show (default), set, update or recompute",
    )
    parser.add_argument("model", nargs="?", default="", metavar="MODEL", help="as a trace names it")
    parser.add_argument(
        "--provider", default="", metavar="NAME", help="show: of which provider (default any)"
    )
    for name, what in _RATES.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}", type=float, metavar="USD", help=f"set: {what}"
        )
    parser.add_argument("--remove", action="store_true", help="set: take your own price away")
    parser.add_argument(
        "--from",
        dest="source",
        default="",
        metavar="FILE|URL",
        help="update: LiteLLM's price map, or a table of ours; nothing is fetched without it",
    )
    parser.add_argument(
        "--packaged", action="store_true", help="update: go back to the table in the package"
    )
    parser.add_argument(
        "--since", metavar="TIME", help="recompute: traces from then on; ISO 8601 (default all)"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        dest="at_new_prices",
        help="recompute: calls that have a price already too, at today's",
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    actions = {"show": _show, "set": _set, "update": _update, "recompute": _recompute}
    actions[arguments.action](call, arguments)
    return 0


def _show(call: Call, arguments: argparse.Namespace) -> None:
    folder = call.program.settings.home
    output = call.output
    if arguments.model:
        known = find_price(folder, arguments.model, arguments.provider)
        if output.is_json:
            price = msgspec.to_builtins(known.price)
            output.answer({"model": known.name, "level": known.level, "price": price})
            return
        output.say(f"{known.name} ({known.level})", Style.BOLD)
        _say_price(output, known.price)
        return
    shown = show_prices(folder)
    if output.is_json:
        output.answer(msgspec.to_builtins(shown))
        return
    table = f"{shown.model_count:,} models from {shown.source or 'a file'}, {shown.date}"
    output.say(f"{shown.level} table: {table}")
    output.say(f"prices of your own above it: {len(shown.custom)}")
    for name, price in shown.custom.items():
        output.say(name, Style.BOLD)
        _say_price(output, price)
    if shown.problem:
        output.say(f"not read: {shown.problem}", Style.BOLD)


def _set(call: Call, arguments: argparse.Namespace) -> None:
    folder = call.program.settings.home
    if arguments.remove:
        remove_price(folder, arguments.model)
        _tell(call.output, {"removed": arguments.model}, f"your price of {arguments.model} is gone")
        return
    if arguments.input is None or arguments.output is None:
        raise InputError(
            "a price needs --input and --output",
            why="both are USD per million tokens",
            mend="see `flowtrace prices --help`",
        )
    rates = Rates(**{name: getattr(arguments, name) for name in CLASSES})
    price = set_price(folder, arguments.model, rates)
    said = {"model": arguments.model, "level": "custom", "price": msgspec.to_builtins(price)}
    _tell(call.output, said, f"{arguments.model} (custom)")
    if not call.output.is_json:
        _say_price(call.output, price)
        call.output.say("calls that arrive from now on have this price", Style.DIM)


def _update(call: Call, arguments: argparse.Namespace) -> None:
    folder = call.program.settings.home
    if arguments.packaged:
        restore_table(folder)
        _tell(call.output, {"level": "packaged"}, "the table in the package is in use")
        return
    if not arguments.source:
        raise InputError(
            "an update needs --from",
            why="nothing is fetched unasked",
            mend="give --from FILE or --from URL, or --packaged to go back",
        )
    data = read_source(arguments.source)
    table = update_table(folder, arguments.source, data, f"{datetime.now(UTC):%Y-%m-%d}")
    said: dict[str, object] = {"level": "updated", "source": table.source, "date": table.date}
    said["model_count"] = len(table.models)
    _tell(call.output, said, f"{len(table.models):,} models, {table.date}")


def _recompute(call: Call, arguments: argparse.Namespace) -> None:
    since_us = 0 if arguments.since is None else parse_time_us(arguments.since, name="since")
    context = call.program.context()
    done = recompute_costs(context, since_us, at_new_prices=arguments.at_new_prices)
    said: dict[str, object] = {"traces": done.trace_count, "changed_calls": done.call_count}
    looked = f"traces looked through: {done.trace_count:,}"
    _tell(call.output, said, f"{looked}; calls that cost something else now: {done.call_count:,}")


def _tell(output: Output, said: dict[str, object], line: str) -> None:
    if output.is_json:
        output.answer(said)
    else:
        output.say(line)


def _say_price(output: Output, price: Price) -> None:
    for service in ("standard", "batch", "flex", "priority"):
        for rates in getattr(price, service):
            named = (
                f"{name} {rate:g}" for name in CLASSES if (rate := getattr(rates, name)) is not None
            )
            above = f" above {rates.above_tokens:,} tokens of input" if rates.above_tokens else ""
            output.say(f"  {service}{above}: {', '.join(named)}")
