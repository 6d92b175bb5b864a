"""`flowtrace forward`: send on what is stored to another OTLP endpoint."""

import argparse
import time
from collections.abc import Mapping
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.progress import Progress
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.otlp_sending import endpoint_of
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.services.forward import Forwarded, Forwarder, headers_of, refuse_ourselves

FOLLOW_S: Final = 1.0
PATIENCE_S: Final = 60.0
# That of bad input: something was not taken, and what was is on its way.
EXIT_REFUSED: Final = 2
_FOR_EVER: Final = float("inf")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "endpoint", nargs="?", default="", metavar="URL", help="OTLP/HTTP (default: the setting)"
    )
    parser.add_argument(
        "--since", metavar="TIME", help="begin anew, with what happened then or later"
    )
    parser.add_argument("--all", action="store_true", help="begin anew, with everything")
    parser.add_argument(
        "--header",
        action="append",
        default=[],
        metavar="'NAME: VALUE'",
        help="sent with every request; may be given again",
    )
    parser.add_argument("--follow", action="store_true", help="go on with what arrives, for ever")
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_S,
        metavar="SECONDS",
        help=f"how long to ask an endpoint that is away (default {PATIENCE_S:.0f})",
    )
    parser.add_argument(
        "--forget", action="store_true", help="send nothing, and keep nothing for it any more"
    )
    parser.add_argument("--progress", action="store_true", help="say how far it is, on stderr")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Send, and say what became of it."""
    context = call.program.context()
    settings = context.settings
    url = arguments.endpoint or settings.forward_endpoint
    if not url:
        raise InputError(
            "there is nowhere to forward to",
            why="no URL was given and FLOWTRACE_FORWARD_ENDPOINT is not set",
            mend="run `flowtrace forward http://host:4318`",
        )
    endpoint = endpoint_of(url, _headers(arguments, settings.forward_headers))
    if arguments.forget:
        return _forget(call, endpoint.base)
    refuse_ourselves(settings, endpoint)
    since_us = _since_us(arguments)
    progress = Progress(output=call.output, label="forwarding", is_asked=arguments.progress)
    facts = context.store.facts()
    total = max(facts.span_count + facts.log_count + facts.metric_point_count, 1)
    forwarder = Forwarder(
        context=context,
        endpoint=endpoint,
        wait=_wait,
        patience_s=_FOR_EVER if arguments.follow else arguments.patience,
        note=lambda done: progress.show(min(done.sent_count / total, 1.0)),
    )
    try:
        told = forwarder.run(since_us)
        while arguments.follow and not _wait(FOLLOW_S):
            told = forwarder.run()
    finally:
        progress.end()
    _tell(call, endpoint.base, told)
    return EXIT_REFUSED if told.rejected_count or told.unreadable_count else 0


def _forget(call: Call, base: str) -> int:
    was_known = call.program.context().store.forwardings.delete(base)
    if call.output.is_json:
        call.output.answer({"endpoint": base, "forgotten": was_known})
    elif was_known:
        call.output.say(f"{base} is forgotten; to forward there begins anew")
    else:
        call.output.say(f"nothing was forwarded to {base}")
    return 0


def _wait(seconds: float) -> bool:
    time.sleep(seconds)
    return False


def _since_us(arguments: argparse.Namespace) -> int | None:
    if arguments.since and arguments.all:
        raise InputError("cannot begin twice", why="--since and --all exclude each other")
    if arguments.all:
        return 0
    return parse_time_us(arguments.since, name="--since") if arguments.since else None


def _headers(arguments: argparse.Namespace, told: str) -> Mapping[str, str]:
    headers = dict(headers_of(told)) if told else {}
    for text in arguments.header:
        name, colon, value = text.partition(":")
        if not colon or not name.strip():
            raise InputError(
                "cannot read a --header", why="it is 'NAME: VALUE'", mend="put a colon in it"
            )
        headers[name.strip()] = value.strip()
    return headers


def _tell(call: Call, base: str, told: Forwarded) -> None:
    if call.output.is_json:
        call.output.answer(
            {
                "endpoint": base,
                "sent": told.sent_count,
                "rejected": told.rejected_count,
                "unreadable": told.unreadable_count,
                "redactions": told.redaction_count,
                "message": told.message,
            }
        )
        return
    call.output.say(f"{told.sent_count} items sent to {base}")
    if told.redaction_count:
        call.output.say(f"secrets taken out: {told.redaction_count}")
    if told.rejected_count:
        call.output.say_aside(f"refused by the endpoint: {told.rejected_count}: {told.message}")
    if told.unreadable_count:
        call.output.say_aside(f"not readable here: {told.unreadable_count}")
    if told.sent_count == 0 and not told.rejected_count:
        call.output.say("  nothing has arrived since the last time", Style.DIM)
