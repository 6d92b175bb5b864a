"""The table of clients agrees with what the rest of the program knows of agents."""

import pytest

from flowtrace_mcp.clients.table import BY_NAME, CLIENTS, Places, Program
from flowtrace_mcp.ingest.hook_reading import EVENTS


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.agent], ids=lambda one: one.name)
def test_every_hook_that_is_declared_is_understood(tmp_path, client):
    places = Places(home=tmp_path, project=tmp_path, system="Linux")
    program = Program(server=("s",), hook=("flowtrace", "hook"), otlp="http://127.0.0.1:4318")

    declared = [entry.keys[-1] for entry in client.hooks(client, places, program) if entry.is_item]

    assert declared
    assert set(declared) <= set(EVENTS[client.agent])


def test_a_client_without_hooks_declares_none(tmp_path):
    places = Places(home=tmp_path, project=tmp_path, system="Linux")
    program = Program(server=("s",), hook=("flowtrace", "hook"), otlp="")

    assert BY_NAME["vscode"].hooks(BY_NAME["vscode"], places, program) == ()
