"""`flowtrace uninstall`: take Flowtrace out of an editor's or agent's configuration."""

import argparse

from flowtrace_mcp.cli.client_places import places_of, program_of
from flowtrace_mcp.cli.install import add_client, each, wanted_clients
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.clients.table import Client
from flowtrace_mcp.services.installs import Plan, plan_uninstall
from flowtrace_mcp.services.own_command import own_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_client(parser)


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Restore each client's files as they were, or take out what is ours."""
    places = places_of(call.program.environ)
    settings = call.program.settings
    clients = wanted_clients(arguments, places)
    program = program_of(settings, own_command(), places)

    def plan(client: Client) -> Plan:
        return plan_uninstall(settings.home, client, places, program, arguments.scope)

    return each(call, arguments, clients, plan, "is out of", "memories and traces are kept")
