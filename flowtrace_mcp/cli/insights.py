"""`flowtrace insights`: what is unlike before, what fails again and again, what became worse."""

import argparse

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.services.find_insights import (
    LIMIT_DEFAULT,
    WINDOW_DEFAULT_S,
    InsightsRequest,
    find_insights,
    health_score,
    insight_body,
    summary_body,
)
from flowtrace_mcp.services.insights.shape import SEVERITIES, TYPES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--project", default="", metavar="NAME", help="only of one project")
    parser.add_argument(
        "--hours",
        type=int,
        default=WINDOW_DEFAULT_S // 3600,
        metavar="N",
        help="how long the window is; seven before it are the baseline (1)",
    )
    parser.add_argument(
        "--least",
        choices=SEVERITIES,
        default="info",
        metavar="SEVERITY",
        help=", ".join(SEVERITIES) + " (info)",
    )
    parser.add_argument("--type", choices=TYPES, default="", metavar="TYPE", help=", ".join(TYPES))
    parser.add_argument("--limit", type=int, default=LIMIT_DEFAULT, help="most rows (50)")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the insights, the gravest first."""
    request = InsightsRequest(
        project=arguments.project,
        window_s=arguments.hours * 3600,
        min_severity=arguments.least,
        insight_type=arguments.type,
        limit=arguments.limit,
    )
    answer = find_insights(call.program.context(), request)
    if call.output.is_json:
        told = [insight_body(one, answer.generated_us) for one in answer.insights]
        summary = summary_body(answer)
        summary.pop("top_insights")
        call.output.answer({"insights": told, "total_count": answer.total, **summary})
        return 0
    say = call.output.say
    say(f"health {health_score(answer.every)} of 100, {answer.total} insights", Style.BOLD)
    for one in answer.insights:
        say(f"{one.severity:<8}  {one.summary}")
        say(f"          {one.description}", Style.DIM)
        for suggestion in one.suggestions:
            say(f"          {suggestion}", Style.DIM)
        if one.related_trace_ids:
            say(f"          traces {', '.join(one.related_trace_ids)}", Style.DIM)
    if answer.note:
        say(answer.note, Style.DIM)
    return 0
