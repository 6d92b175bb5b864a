import sys
from pathlib import Path

import pytest

from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.services.own_command import OwnCommand, own_command, put_in_place


def make_commands(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("flowtrace", "flowtrace-mcp"):
        (folder / name).touch()
    return folder


def test_our_commands_are_those_of_this_environment(tmp_path):
    found = own_command(make_commands(tmp_path / "bin"))

    assert found.server == tmp_path / "bin/flowtrace-mcp"
    assert not found.is_passing


def test_else_those_on_the_path(tmp_path):
    assert own_command(tmp_path, lambda name: f"/usr/bin/{name}").person == Path(
        "/usr/bin/flowtrace"
    )
    with pytest.raises(InputError, match="cannot find the command"):
        own_command(tmp_path, lambda _: None)


@pytest.mark.parametrize(
    "folder", ["/h/.cache/uv/archive-v0/x/bin", "/h/.local/share/pipx/.cache/9/bin"]
)
def test_an_environment_for_one_call_is_known(folder):
    server = Path(folder) / "flowtrace-mcp"

    assert OwnCommand(server=server, person=server).is_passing


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_a_tool_that_is_there_puts_us_in_place(tmp_path, tool):
    folder = make_commands(tmp_path / "bin")
    ran, told = [], []

    def run(words):
        ran.append(tuple(words))
        return f"{folder}\n"

    found = put_in_place(
        tmp_path, "1.2.3", told.append, run=run, find=lambda name: name if name == tool else None
    )

    assert found.server == folder / "flowtrace-mcp"
    assert "flowtrace-mcp==1.2.3" in ran[0]
    assert told == [f"installing flowtrace-mcp==1.2.3 with {tool}"]


def test_without_a_tool_an_environment_of_our_own_is_made(tmp_path):
    ran = []

    def run(words):
        ran.append(words)
        make_commands(tmp_path / "program/bin")
        return ""

    found = put_in_place(tmp_path, "1.2.3", lambda _: None, run=run, find=lambda _: None)

    assert found.server == tmp_path / "program/bin/flowtrace-mcp"
    assert ran[0][:3] == (sys.executable, "-m", "venv")


def test_a_tool_that_fails_says_what_it_said(tmp_path):
    missing = tmp_path / "uv"
    missing.write_text("#!/bin/sh\necho no network >&2\nexit 1\n")
    missing.chmod(0o755)

    def find(name):
        return str(missing) if name == "uv" else None

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(FlowtraceError, match="no network"):
            put_in_place(tmp_path, "1", lambda _: None, find=find)
