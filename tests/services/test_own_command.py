import os
import sys
from pathlib import Path, PureWindowsPath

import pytest

from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.services.own_command import (
    LINE_CHARACTERS,
    OwnCommand,
    own_command,
    own_origin,
    own_requirement,
    put_in_place,
    windowless_python,
)


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
    "server",
    [
        Path("/h/.cache/uv/archive-v0/x/bin/flowtrace-mcp"),
        Path("/mnt/big/archive-v0/x/bin/flowtrace-mcp"),
        Path("/h/.cache/uv/environments-v2/x/bin/flowtrace-mcp"),
        Path("/h/.local/share/pipx/.cache/9/bin/flowtrace-mcp"),
        Path("/h/.cache/pipx/9/bin/flowtrace-mcp"),
        Path("/Users/ann/Library/Caches/pipx/9/bin/flowtrace-mcp"),
        PureWindowsPath("C:/Users/ann/AppData/Local/pipx/pipx/Cache/9/Scripts/flowtrace-mcp.exe"),
        PureWindowsPath(
            "C:/Users/ann/AppData/Local/uv/cache/archive-v0/x/Scripts/flowtrace-mcp.exe"
        ),
    ],
)
def test_an_environment_for_one_call_is_known(server):
    assert OwnCommand(server=server, person=server).is_passing


@pytest.mark.parametrize(
    "server",
    [
        Path("/h/.local/bin/flowtrace-mcp"),
        Path("/h/.local/share/uv/tools/flowtrace-mcp/bin/flowtrace-mcp"),
        Path("/h/.local/share/pipx/venvs/flowtrace-mcp/bin/flowtrace-mcp"),
        Path("/srv/cache/pipx/venvs/flowtrace-mcp/bin/flowtrace-mcp"),
        Path("/h/.cache/project/.venv/bin/flowtrace-mcp"),
        PureWindowsPath("C:/Users/ann/pipx/venvs/flowtrace-mcp/Scripts/flowtrace-mcp.exe"),
    ],
)
def test_one_that_stays_is_known_too(server):
    assert not OwnCommand(server=server, person=server).is_passing


@pytest.mark.parametrize(
    ("origin", "wanted"),
    [
        (None, "flowtrace-mcp==1.2.3"),
        ("{ no JSON", "flowtrace-mcp==1.2.3"),
        ("[]", "flowtrace-mcp==1.2.3"),
        ('{"url": "file:///a.whl", "archive_info": {}}', "flowtrace-mcp @ file:///a.whl"),
        (
            '{"url": "https://example.com/f.git", "vcs_info": {"vcs": "git", "commit_id": "1a"}}',
            "flowtrace-mcp @ git+https://example.com/f.git@1a",
        ),
    ],
)
def test_what_is_installed_for_good_comes_from_the_same_place(origin, wanted):
    assert own_requirement("1.2.3", origin) == wanted


def test_where_we_come_from_is_known_of_this_installation():
    assert own_requirement("1.2.3", own_origin()).startswith(
        ("flowtrace-mcp @ ", "flowtrace-mcp==")
    )


@pytest.mark.parametrize("tool", ["uv", "pipx"])
def test_a_tool_that_is_there_puts_us_in_place(tmp_path, tool):
    folder = make_commands(tmp_path / "bin")
    ran, told = [], []

    def run(words, tell):
        ran.append(tuple(words))
        return f"{folder}\nwarning: something else\n"

    found = put_in_place(
        tmp_path,
        "flowtrace-mcp==1.2.3",
        told.append,
        run=run,
        find=lambda name: name if name == tool else None,
    )

    assert found.server == folder / "flowtrace-mcp"
    assert "flowtrace-mcp==1.2.3" in ran[0]
    assert told == [f"installing flowtrace-mcp==1.2.3 with {tool}"]


def test_without_a_tool_an_environment_of_our_own_is_made(tmp_path):
    ran = []

    def run(words, tell):
        ran.append(words)
        make_commands(tmp_path / "data/home/program/bin")
        return ""

    home = tmp_path / "data/home"
    found = put_in_place(home, "flowtrace-mcp==1.2.3", lambda _: None, run=run, find=lambda _: None)

    assert found.server == home / "program/bin/flowtrace-mcp"
    assert os.name != "posix" or not home.stat().st_mode & 0o077
    assert ran[0][:3] == (sys.executable, "-m", "venv")
    assert ran[1][-1] == "flowtrace-mcp==1.2.3"


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """Return a function that puts a `uv` of a few lines of sh on the path."""

    def put(script):
        program = tmp_path / "programs/uv"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")

    return put


@pytest.mark.skipif(os.name != "posix", reason="a script of sh")
def test_what_a_tool_says_is_told_as_it_comes_but_for_each_dependency(tmp_path, uv):
    folder = make_commands(tmp_path / "bin")
    said = f"echo {'x' * 500}; echo Resolved 62 packages >&2; echo ' + numpy==2.0'"
    uv(f"case $2 in install) {said} ;; dir) echo {folder} ;; esac\n")
    told = []

    found = put_in_place(tmp_path, "flowtrace-mcp==1", told.append)

    assert found.person == folder / "flowtrace"
    assert told == [
        "installing flowtrace-mcp==1 with uv",
        "  " + "x" * LINE_CHARACTERS,
        "  Resolved 62 packages",
    ]


@pytest.mark.skipif(os.name != "posix", reason="a script of sh")
def test_a_tool_that_fails_says_what_it_said(tmp_path, uv):
    uv("echo no network >&2\nexit 1\n")

    with pytest.raises(FlowtraceError, match="no network") as told:
        put_in_place(tmp_path, "flowtrace-mcp==1", lambda _: None)

    assert "pipx install" in told.value.mend


def test_a_tool_that_cannot_be_run_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FlowtraceError, match="uv could not install"):
        put_in_place(tmp_path, "flowtrace-mcp==1", lambda _: None, find=lambda name: name)


def test_windows_has_a_python_without_a_window(tmp_path):
    passing, lasting = tmp_path / "archive-v0/x", tmp_path / "lasting"
    for folder in (passing, lasting):
        folder.mkdir(parents=True)
        (folder / "pythonw.exe").touch()
    command = OwnCommand(server=tmp_path / "bin/flowtrace-mcp.exe", person=Path("flowtrace"))

    assert windowless_python(command, lasting / "python.exe") == lasting / "pythonw.exe"
    with pytest.raises(InputError, match="cannot find pythonw"):
        windowless_python(command, passing / "python.exe")
