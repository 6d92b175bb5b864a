"""`flowtrace uninstall`: take Flowtrace out of an editor's or agent's configuration."""

import argparse

from flowtrace_mcp.cli.client_places import places_of
from flowtrace_mcp.cli.install import add_client, each, program_of, wanted_clients
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.clients.table import Client
from flowtrace_mcp.services.installs import Plan, plan_uninstall
from flowtrace_mcp.services.own_command import own_command


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_client(parser)


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Restore each client's files as they were, or take out what is ours."""
    places = places_of(call)
    home = call.program.settings.home
    clients = wanted_clients(arguments, places)
    program = program_of(call, own_command(), places)

    def plan(client: Client) -> Plan:
        return plan_uninstall(home, client, places, program, arguments.scope)

    return each(call, arguments, clients, plan, "is out of", "memories and traces are kept")
