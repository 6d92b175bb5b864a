"""The table of clients agrees with what the rest of the program knows of agents."""

from pathlib import Path

import pytest

from flowtrace_mcp.clients.table import BY_NAME, CLIENTS, Places, Program, started_by
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


@pytest.mark.parametrize(
    ("value", "words", "variables"),
    [
        ({"command": "uvx", "args": ["flowtrace-mcp"]}, ("uvx", "flowtrace-mcp"), {}),
        ({"command": "f", "env": {"A": 1}}, ("f",), {"A": "1"}),
        ({"transport": {"type": "stdio", "command": "f"}}, ("f",), {}),
        (
            {"type": "local", "command": ["f", "serve"], "environment": {"A": "b"}},
            ("f", "serve"),
            {"A": "b"},
        ),
    ],
)
def test_how_a_client_starts_us_is_read_in_every_shape(value, words, variables):
    assert started_by(value) == (words, variables)


@pytest.mark.parametrize(
    "value", [None, "text", {"url": "http://127.0.0.1:9600/mcp"}, {"command": 5}, {"command": ""}]
)
def test_what_starts_nothing_has_no_command(value):
    assert started_by(value) is None


@pytest.mark.parametrize("client", CLIENTS, ids=lambda one: one.name)
def test_what_we_write_is_read_back(client):
    program = Program(server=("/bin/flowtrace-mcp",), hook=("f", "hook"), otlp="")

    assert started_by(client.server(program)) == (("/bin/flowtrace-mcp",), {})


# Where each client keeps a person's servers, by its own documents; H is the home folder.
ON_MACOS = {
    "claude-code": ["H/.claude.json"],
    "cursor": ["H/.cursor/mcp.json"],
    "windsurf": ["H/.config/devin/mcp_config.json", "H/.codeium/windsurf/mcp_config.json"],
    "cline": ["H/.cline/data/settings/cline_mcp_settings.json"],
    "vscode": ["H/Library/Application Support/Code/User/mcp.json"],
    "codex": ["H/.codex/config.toml"],
    "gemini": ["H/.gemini/settings.json"],
    "opencode": ["H/.config/opencode/opencode.json"],
    "claude-desktop": ["H/Library/Application Support/Claude/claude_desktop_config.json"],
}
ON_WINDOWS = ON_MACOS | {
    "windsurf": ["A/devin/mcp_config.json", "H/.codeium/windsurf/mcp_config.json"],
    "vscode": ["A/Code/User/mcp.json"],
    "claude-desktop": ["A/Claude/claude_desktop_config.json"],
}


@pytest.mark.parametrize(
    ("system", "environ", "expected"),
    [("Darwin", {}, ON_MACOS), ("Windows", {"APPDATA": "A"}, ON_WINDOWS)],
)
def test_every_client_is_looked_for_where_its_system_has_it(tmp_path, system, environ, expected):
    places = Places(home=Path("H"), project=tmp_path, system=system, environ=environ)

    found = {client.name: [path.as_posix() for path in client.user(places)] for client in CLIENTS}

    assert found == expected


def test_windows_without_appdata_has_it_in_the_home_folder(tmp_path):
    places = Places(home=Path("H"), project=tmp_path, system="Windows")

    assert places.config == Path("H/AppData/Roaming")
