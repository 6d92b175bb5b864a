"""`flowtrace analytics`: trends, what goes together, and groups held against each other."""

import argparse
from collections.abc import Mapping
from typing import Any, Final, cast

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.bucket_metrics import METRICS
from flowtrace_mcp.services.comparison import (
    GROUP_BYS,
    LIMIT_DEFAULT,
    ComparisonRequest,
    compare,
)
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.trends import STEPS_DEFAULT, Asked, correlation, trend
from flowtrace_mcp.services.views.rows import Row

_DEFAULTS: Final = {"trends": "cost", "correlation": "tokens", "comparison": "duration"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "what",
        choices=list(_DEFAULTS),
        metavar="WHAT",
        help="trends, correlation or comparison",
    )
    parser.add_argument("--metric", metavar="NAME", help="which; an unknown one lists them")
    parser.add_argument(
        "--with",
        dest="other",
        default="cost",
        metavar="NAME",
        help="correlation: with which (cost)",
    )
    parser.add_argument(
        "--unit",
        choices=list(METRICS),
        default="day",
        metavar="UNIT",
        help="what a point is: " + ", ".join(METRICS) + " (day)",
    )
    parser.add_argument(
        "--count", type=int, default=STEPS_DEFAULT, metavar="N", help="days or hours back (30)"
    )
    parser.add_argument(
        "--by",
        choices=GROUP_BYS,
        default="model",
        metavar="WHAT",
        help="comparison: " + ", ".join(GROUP_BYS) + " (model)",
    )
    parser.add_argument(
        "--baseline", default="", metavar="NAME", help="comparison: against this group"
    )
    parser.add_argument("--project", default="", metavar="NAME", help="only of one project")
    parser.add_argument("--agent", default="", metavar="NAME", help="only of one agent")
    parser.add_argument("--model", default="", metavar="NAME", help="only of one model")
    parser.add_argument("--since", metavar="TIME", help="comparison: from then on (7 days ago)")
    parser.add_argument("--until", metavar="TIME", help="comparison: before then (now)")
    parser.add_argument(
        "--limit", type=int, default=LIMIT_DEFAULT, help="comparison: most groups (20)"
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print what was asked for."""
    metric = arguments.metric or _DEFAULTS[arguments.what]
    asked = Asked(
        unit=arguments.unit,
        count=arguments.count,
        project=arguments.project,
        agent=arguments.agent,
        model=arguments.model,
    )
    context = call.program.context()
    match arguments.what:
        case "trends":
            body, tell = trend(context, metric, asked), _tell_trend
        case "correlation":
            body, tell = correlation(context, metric, arguments.other, asked), _tell_correlation
        case _:
            body, tell = compare(context, _request(metric, arguments)), _tell_comparison
    if call.output.is_json:
        call.output.answer(body)
    else:
        tell(call, body)
        if body["note"]:
            call.output.say(str(body["note"]), Style.DIM)
    return 0


def _request(metric: str, arguments: argparse.Namespace) -> ComparisonRequest:
    since, until = arguments.since, arguments.until
    return ComparisonRequest(
        group_by=arguments.by,
        metric=metric,
        baseline=arguments.baseline,
        project=arguments.project,
        agent=arguments.agent,
        model=arguments.model,
        window=Window(
            since_us=None if since is None else parse_time_us(since, name="since"),
            until_us=None if until is None else parse_time_us(until, name="until"),
        ),
        limit=arguments.limit,
    )


def _tell_trend(call: Call, body: Row) -> None:
    told = f"{body['metric']} by {body['step']}: {body['trend']}"
    if body["p_value"] is not None:
        told += (
            f" (tau {body['tau']}, p = {_short(body['p_value'])}, {_short(body['slope'])} a step)"
        )
    call.output.say(told)
    for name, words in (("forecast_next_day", "next day"), ("forecast_next_week", "next week")):
        if name in body:
            coming = cast("Mapping[str, Any]", body[name])
            call.output.say(
                f"{words}: {_short(coming['total'])}"
                f" ({_short(coming['low'])} to {_short(coming['high'])})"
            )


def _tell_correlation(call: Call, body: Row) -> None:
    told = f"{body['metric1']} and {body['metric2']} by {body['unit']}: {body['relationship']}"
    if body["p_value"] is not None:
        rho, p_value = body["correlation_coefficient"], _short(body["p_value"])
        told += f" (rho {rho}, p = {p_value}, {body['points']} points)"
    call.output.say(told)


def _tell_comparison(call: Call, body: Row) -> None:
    call.output.say(f"{body['metric']} ({body['unit']}), against {body['baseline']}", Style.BOLD)
    for row in cast("list[Mapping[str, Any]]", body["groups"]):
        told = (
            f"{row['group']}: {row['calls']:,} calls, {row['error_rate']:.1%} failed,"
            f" mean {_short(row['mean'])}, median {_short(row['median'])}, p95 {_short(row['p95'])}"
        )
        if "against_baseline" in row:
            held = row["against_baseline"]
            told += (
                f"; {held['difference']:+.4g} ({_short(held['low'])} to {_short(held['high'])},"
                f" p = {_short(held['p_value'])})"
            )
        call.output.say(told)


def _short(value: Any) -> str:
    return "-" if value is None else f"{value:.4g}"
