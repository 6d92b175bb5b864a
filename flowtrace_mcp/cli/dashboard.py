"""`flowtrace dashboard`: the page on which a person sees what agents did."""

import argparse
import ipaddress
import webbrowser
from typing import Final

from flowtrace_mcp.cli.listeners import seen_listener
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.services.token import read_or_create_token
from flowtrace_mcp.settings import Settings

PATH: Final = "/dashboard/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "--print-url", action="store_true", help="print the link, token and all, and open nothing"
    )


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Open the dashboard of the process that listens, or print its link."""
    settings = call.program.settings
    port = seen_listener(call.program).rest_port
    if port is None:
        raise FlowtraceError(
            "the dashboard is not served",
            why="no process of Flowtrace listens",
            mend="open an editor that has Flowtrace, or run `flowtrace serve` and leave it running",
        )
    address = f"http://{_name_of(settings.host)}:{port}{PATH}"
    # The part behind # stays in the browser: no server and no log sees it.
    token = _token(settings)
    link = f"{address}#token={token}" if token else address
    if arguments.print_url or call.output.is_json:
        told = {"url": link}
        call.output.answer(told) if call.output.is_json else call.output.say(link)
    elif webbrowser.open(link):
        call.output.say(f"The dashboard opens in your browser: {address}")
    else:
        call.output.say(f"No browser could be started. Open this link yourself:\n{link}")
    return 0


def _token(settings: Settings) -> str:
    if settings.api_key or settings.require_auth == "false":
        return settings.api_key
    return read_or_create_token(settings.token_path)


def _name_of(host: str) -> str:
    """Return a host as an address names it; one that means every network is this machine."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1"
    return f"[{host}]" if address.version == 6 else host
