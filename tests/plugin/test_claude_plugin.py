"""The plugin of Claude Code: its parts name what there is, and cost what they may."""

import ast
import json
import os
import struct
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import flowtrace_mcp
from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.clients.table import claude_variables
from flowtrace_mcp.ingest import hooks_claude_code
from flowtrace_mcp.services.hook_answers import HEARING
from flowtrace_mcp.services.own_command import PERSON_COMMAND, SERVER_COMMAND
from flowtrace_mcp.tools.server import INSTRUCTIONS
from scripts import make_icon
from tests.plugin.pages import (
    ROOT,
    TOOLS,
    front_matter,
    offered,
    read_json,
    unknown_commands,
    unknown_words,
)

PLUGIN = ROOT / "plugin/claude"
COMMANDS = sorted((PLUGIN / "commands").glob("*.md"))
SKILLS = sorted((PLUGIN / "skills").glob("*/SKILL.md"))
FINDER = PLUGIN / "hooks/find_program.py"
PREFIX = "mcp__plugin_flowtrace_flowtrace__"
ALWAYS_ON_LIMIT_TOKENS = 1200
ALL_EVENTS = {
    *hooks_claude_code.EVENTS,
    *("SubagentStart", "SubagentStop", "PreCompact", "PostCompact"),
}


def handlers(event: str) -> list[dict[str, object]]:
    groups = read_json(PLUGIN / "hooks/hooks.json")["hooks"][event]
    return [hook for group in groups for hook in group["hooks"]]


def is_ours(hook: dict[str, object]) -> bool:
    return (hook["command"], hook["args"]) == (PERSON_COMMAND, ["hook", "claude-code"])


def name_of(page: Path) -> str:
    return page.parent.name if page.name == "SKILL.md" else page.stem


def test_versions_agree() -> None:
    manifest = read_json(PLUGIN / ".claude-plugin/plugin.json")
    (entry,) = read_json(ROOT / ".claude-plugin/marketplace.json")["plugins"]

    assert manifest["version"] == entry["version"] == flowtrace_mcp.__version__
    assert manifest["name"] == entry["name"]
    assert manifest["description"] == entry["description"]


def test_the_marketplace_points_at_the_plugin() -> None:
    (entry,) = read_json(ROOT / ".claude-plugin/marketplace.json")["plugins"]

    assert (ROOT / entry["source"]).resolve() == PLUGIN


def test_every_promised_command_is_there() -> None:
    assert {page.stem for page in COMMANDS} == {
        *("dashboard", "status", "remember", "traces", "recall", "costs", "forget", "retro")
    }


@pytest.mark.parametrize("page", COMMANDS, ids=name_of)
def test_a_command_may_call_only_tools_that_are_offered(page: Path) -> None:
    fields, _ = front_matter(page)
    allowed = [name.strip() for name in fields["allowed-tools"].split(",")]

    tools = {name.removeprefix(PREFIX) for name in allowed if name.startswith(PREFIX)}
    assert tools <= offered()
    assert all(name.startswith((PREFIX, "Bash(flowtrace ")) for name in allowed)


@pytest.mark.parametrize("page", COMMANDS, ids=name_of)
def test_no_command_may_take_anything_away_unasked(page: Path) -> None:
    assert "forget" not in front_matter(page)[0]["allowed-tools"]


@pytest.mark.parametrize("page", [*COMMANDS, *SKILLS], ids=name_of)
def test_a_page_names_only_what_there_is(page: Path) -> None:
    fields, _ = front_matter(page)

    assert fields["description"]
    assert list(unknown_words(page)) == []
    assert unknown_commands(page) == set()


def test_the_readme_names_only_what_there_is() -> None:
    text = (PLUGIN / "README.md").read_text(encoding="utf-8")

    assert unknown_commands(PLUGIN / "README.md") == set()
    assert all(f"/flowtrace:{page.stem}" in text for page in COMMANDS)


def test_the_server_is_started_by_a_command_of_the_distribution() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    server = read_json(PLUGIN / ".mcp.json")["mcpServers"]["flowtrace"]

    assert server["command"] == SERVER_COMMAND
    assert {SERVER_COMMAND, PERSON_COMMAND} == set(project["scripts"])


def test_every_event_that_is_understood_is_told() -> None:
    assert set(read_json(PLUGIN / "hooks/hooks.json")["hooks"]) == ALL_EVENTS
    assert all(any(map(is_ours, handlers(event))) for event in ALL_EVENTS)


def test_no_hook_needs_a_shell() -> None:
    hooks = [hook for event in ALL_EVENTS for hook in handlers(event)]

    assert all(isinstance(hook["args"], list) and "shell" not in hook for hook in hooks)


def test_claude_waits_only_where_it_is_answered_or_about_to_end() -> None:
    hears = HEARING["claude-code"].kinds
    answered = {event for event, kind in hooks_claude_code.EVENTS.items() if kind in hears}
    last = {"Stop", "StopFailure", "SessionEnd"}  # what runs in the background is ended with it

    waited = {
        event
        for event in ALL_EVENTS
        if any(is_ours(hook) and not hook.get("async") for hook in handlers(event))
    }

    assert waited == answered | last


def test_the_settings_fragment_is_what_install_writes() -> None:
    fragment = read_json(PLUGIN / "telemetry.settings.json")

    assert fragment == {"env": claude_variables("http://127.0.0.1:4318")}


def test_what_a_session_always_pays_is_bounded() -> None:
    always = [tool for tool in TOOLS.values() if tool.get("_meta", {}).get("anthropic/alwaysLoad")]
    told = [
        f"flowtrace:{name_of(page)}: {fields['description']}"
        for page in [*COMMANDS, *SKILLS]
        if "disable-model-invocation" not in (fields := front_matter(page)[0])
    ]
    schemas = [
        json.dumps(
            {key: tool[key] for key in ("name", "description", "inputSchema")},
            separators=(",", ":"),
        ).replace(tool["name"], PREFIX + tool["name"], 1)
        for tool in always
    ]
    names = [PREFIX + name for name in offered() - {tool["name"] for tool in always}]

    cost = estimate_tokens("\n".join([INSTRUCTIONS, *told, *schemas, *names]))

    assert len(always) == 2
    assert cost <= ALWAYS_ON_LIMIT_TOKENS


@pytest.mark.parametrize("plugin", ["claude", "cursor"])
def test_the_icon_is_the_one_that_is_drawn(plugin: str) -> None:
    icon = (ROOT / "plugin" / plugin / "icon.png").read_bytes()

    width, height = struct.unpack(">II", icon[16:24])
    assert width == height >= 512
    assert icon == make_icon.png()


# Where the program is


def put_commands(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in (SERVER_COMMAND, PERSON_COMMAND):
        (folder / name).write_text("")
        (folder / name).chmod(0o755)


def find(environ: dict[str, str]) -> str:
    """Return what the finder says as Claude Code runs it."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(FINDER)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    if not done.stdout:
        return ""
    said = json.loads(done.stdout)
    assert said["hookSpecificOutput"]["additionalContext"] == said["systemMessage"]
    return str(said["systemMessage"])


posix = pytest.mark.skipif(os.name != "posix", reason="the modes of POSIX")


@posix
def test_nothing_is_said_when_the_program_is_on_the_path(tmp_path: Path) -> None:
    put_commands(tmp_path / "bin")

    assert find({"PATH": f"/nowhere:{tmp_path / 'bin'}", "HOME": str(tmp_path)}) == ""


@posix
@pytest.mark.parametrize(
    ("folder", "variable"),
    [
        (".local/bin", ""),
        ("tools", "UV_TOOL_BIN_DIR"),
        ("pipped", "PIPX_BIN_DIR"),
        (".local/share/Flowtrace/program/bin", ""),
    ],
)
def test_a_program_beside_the_path_is_found(tmp_path: Path, folder: str, variable: str) -> None:
    put_commands(tmp_path / folder)
    told = {variable: str(tmp_path / folder)} if variable else {}

    said = find({"PATH": "/nowhere", "HOME": str(tmp_path), **told})

    assert f"installed in {tmp_path / folder}," in said


@posix
def test_who_has_no_program_is_told_how_to_get_it(tmp_path: Path) -> None:
    said = find({"PATH": "/nowhere", "HOME": str(tmp_path)})

    assert "`uv tool install flowtrace-mcp` or `pipx install flowtrace-mcp`" in said


@posix
def test_one_command_of_two_is_none(tmp_path: Path) -> None:
    put_commands(tmp_path / "bin")
    (tmp_path / "bin" / PERSON_COMMAND).unlink()

    assert find({"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)})


def test_the_finder_runs_on_the_pythons_that_systems_bring() -> None:
    ast.parse(FINDER.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_finder_looks_where_install_puts_the_program() -> None:
    from flowtrace_mcp.services.own_command import VENV_FOLDER
    from flowtrace_mcp.settings import default_home

    namespace: dict[str, object] = {"__name__": "finder"}
    exec(compile(FINDER.read_text(encoding="utf-8"), str(FINDER), "exec"), namespace)
    usual = namespace["usual_folders"]
    assert callable(usual)

    for platform in ("linux", "darwin", "win32"):
        environ = {"HOME": str(Path.home()), "APPDATA": "/roaming"}
        scripts = "Scripts" if platform == "win32" else "bin"
        place = default_home(environ, platform) / VENV_FOLDER / scripts
        assert place in [Path(folder) for folder in usual(environ, platform)]
