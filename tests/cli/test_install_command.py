"""`flowtrace install` and `uninstall`, typed by hand."""

import json
import os
from pathlib import Path

import pytest

from flowtrace_mcp.cli import client_places
from flowtrace_mcp.services.own_command import OwnCommand
from tests.cli.conftest import Type


@pytest.fixture
def person(environ: dict[str, str]) -> Path:
    """Return a home folder with Cursor in it."""
    home = Path(environ["HOME"])
    (home / ".cursor").mkdir()
    return home


def test_the_clients_that_are_found_are_told_and_left_again(typed: Type, person: Path) -> None:
    shown = typed("install", "--all", "--dry-run")
    put_in = typed("install", "--all")
    again = typed("install", "--all")

    path = person / ".cursor/mcp.json"
    assert f"+++ {path}" in shown.out
    assert f"Cursor: Flowtrace is in {path}" in put_in.out
    assert json.loads(path.read_text())["mcpServers"]["flowtrace"]["command"].startswith("/")
    assert again.out == "Cursor: nothing to change\n"
    assert typed("uninstall", "cursor").code == 0
    assert not path.exists()


def test_hooks_and_telemetry_are_switched_on_when_told(
    typed: Type, person: Path, environ: dict[str, str]
) -> None:
    environ["FLOWTRACE_OTLP_HTTP_PORT"] = "14318"

    body = typed("install", "cursor", "claude-code", "--yes", "--json").body

    assert body["failed"] == 0
    assert str(person / ".cursor/hooks.json") in body["clients"][0]["files"]
    settings = json.loads((person / ".claude/settings.json").read_text())
    assert settings["env"]["CLAUDE_CODE_ENABLE_TELEMETRY"] == "1"
    assert "PostToolUse" in settings["hooks"]


def test_a_client_whose_plugin_starts_the_server_is_told_the_rest_alone(
    typed: Type, person: Path, environ: dict[str, str]
) -> None:
    environ["FLOWTRACE_OTLP_HTTP_PORT"] = "14318"

    typed("install", "claude-code", "--no-server", "--telemetry")

    settings = json.loads((person / ".claude/settings.json").read_text())
    assert settings["env"]["CLAUDE_CODE_ENABLE_TELEMETRY"] == "1"
    assert "hooks" not in settings
    assert not (person / ".claude.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
@pytest.mark.usefixtures("person")
def test_a_data_folder_that_it_makes_is_closed_to_others(
    typed: Type, environ: dict[str, str]
) -> None:
    typed("install", "cursor")

    home = Path(environ["FLOWTRACE_HOME"])
    assert [path.stat().st_mode & 0o077 for path in (home, home / "installs")] == [0, 0]


@pytest.mark.usefixtures("person")
def test_without_a_port_of_its_own_telemetry_has_no_address(typed: Type) -> None:
    body = typed("install", "claude-code", "--telemetry", "--json").body

    assert "FLOWTRACE_OTLP_HTTP_PORT" in body["clients"][0]["notes"][0]


@pytest.mark.usefixtures("person")
def test_who_names_no_client_is_told_which_there_are(typed: Type) -> None:
    answer = typed("install")

    assert answer.code != 0
    assert "found here: cursor" in answer.err


def test_one_that_refuses_does_not_keep_the_others_waiting(typed: Type, person: Path) -> None:
    (person / ".cursor/mcp.json").write_text("{ not json")

    answer = typed("install", "cursor", "codex")

    assert answer.code == 1
    assert "cannot read the JSON at line 1" in answer.out
    assert (person / ".codex/config.toml").exists()


def test_without_any_client_it_says_so(typed: Type) -> None:
    assert typed("install", "--all").out == "no client that Flowtrace knows was found here\n"
    assert "no receipt and no entry was found" in typed("uninstall", "cursor").out


@pytest.mark.promise("put-in-place")
@pytest.mark.skipif(os.name != "posix", reason="a script of sh")
def test_from_an_environment_for_one_call_it_is_put_in_place_first(
    typed: Type, person: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing, lasting = tmp_path / "archive-v0/x", tmp_path / "lasting"
    lasting.mkdir()
    uv = tmp_path / "programs/uv"
    uv.parent.mkdir()
    made = " ".join(str(lasting / name) for name in ("flowtrace", "flowtrace-mcp"))
    uv.write_text(f"#!/bin/sh\ncase $2 in install) touch {made} ;; dir) echo {lasting} ;; esac\n")
    uv.chmod(0o755)
    monkeypatch.setenv("PATH", f"{uv.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(
        client_places,
        "own_command",
        lambda: OwnCommand(server=passing / "flowtrace-mcp", person=passing / "flowtrace"),
    )

    answer = typed("install", "cursor")

    assert answer.err.startswith("installing flowtrace-mcp")
    written = json.loads((person / ".cursor/mcp.json").read_text())["mcpServers"]["flowtrace"]
    assert written["command"] == str(lasting / "flowtrace-mcp")
