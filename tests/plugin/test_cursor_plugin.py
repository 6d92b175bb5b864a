"""The plugin of Cursor and of Agent Plugins: closed forms, and every event that there is."""

import base64
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import flowtrace_mcp
from flowtrace_mcp.clients.table import SERVER
from flowtrace_mcp.ingest import hooks_cursor
from flowtrace_mcp.services.own_command import PERSON_COMMAND, SERVER_COMMAND
from scripts import make_cursor_plugin
from tests.plugin.pages import ROOT, front_matter, read_json, unknown_commands, unknown_words

PLUGIN = ROOT / "plugin/cursor"
PAGES = sorted(
    [*PLUGIN.glob("commands/*.md"), *PLUGIN.glob("skills/*/SKILL.md"), *PLUGIN.glob("rules/*.mdc")]
)
CURSOR_FIELDS = {
    *("name", "displayName", "description", "version", "minClientVersions", "author", "publisher"),
    *("homepage", "repository", "license", "logo", "keywords", "category", "tags", "commands"),
    *("agents", "skills", "rules", "hooks", "variables", "mcpServers"),
}
AGENT_PLUGINS_FIELDS = {
    *("$schema", "name", "version", "description", "author", "homepage", "repository", "license"),
    *("keywords", "extensions"),
}
AGENT_PLUGINS = "https://agent-plugins.org/schemas/1.0.0/{}.schema.json"
NAME = re.compile(r"(?!.*(?:--|\.\.))[a-z0-9](?:[a-z0-9.-]{0,62}[a-z0-9])?")
EVENTS = {
    *("sessionStart", "sessionEnd", "beforeSubmitPrompt", "preToolUse", "postToolUse"),
    *("postToolUseFailure", "beforeShellExecution", "afterShellExecution", "beforeMCPExecution"),
    *("afterMCPExecution", "beforeReadFile", "afterFileEdit", "afterAgentResponse"),
    *("afterAgentThought", "subagentStart", "subagentStop", "preCompact", "stop"),
}
ONE_CLICK = re.compile(r"https://cursor\.com/en/install-mcp\?[^\s)\"]+")


def name_of(page: Path) -> str:
    return page.relative_to(PLUGIN).as_posix()


def cursor_manifest() -> dict[str, Any]:
    return read_json(PLUGIN / ".cursor-plugin/plugin.json")


def test_cursors_manifest_has_no_field_that_it_does_not_know() -> None:
    manifest = cursor_manifest()

    assert manifest.keys() <= CURSOR_FIELDS
    assert manifest["author"].keys() <= {"name", "email"}
    assert (PLUGIN / manifest["logo"]).is_file()


def test_the_manifest_of_agent_plugins_is_closed_too() -> None:
    manifest = read_json(PLUGIN / "plugin.json")

    assert manifest.keys() <= AGENT_PLUGINS_FIELDS
    assert manifest["$schema"] == AGENT_PLUGINS.format("plugin")
    assert NAME.fullmatch(manifest["name"])
    assert manifest["author"].keys() <= {"name", "email", "url"}


def test_both_manifests_say_the_same() -> None:
    cursor, portable = cursor_manifest(), read_json(PLUGIN / "plugin.json")

    shared = cursor.keys() & portable.keys()
    assert {name: cursor[name] for name in shared} == {name: portable[name] for name in shared}
    assert cursor["version"] == flowtrace_mcp.__version__


def test_the_server_is_declared_for_both_hosts() -> None:
    declared = read_json(PLUGIN / "mcp.json")
    server = declared["mcpServers"][SERVER]

    assert declared.keys() == {"$schema", "mcpServers"}
    assert declared["$schema"] == AGENT_PLUGINS.format("mcp")
    assert server.keys() <= {"type", "command", "args", "env", "cwd"}
    assert (server["type"], server["command"]) == ("stdio", SERVER_COMMAND)


def test_every_event_is_told_and_every_event_that_is_understood_is_among_them() -> None:
    declared = read_json(PLUGIN / "hooks/hooks.json")

    assert declared["version"] == 1
    assert set(declared["hooks"]) == EVENTS
    assert set(hooks_cursor.EVENTS) <= EVENTS


def test_each_hook_is_our_command_and_may_fail() -> None:
    for (hook,) in read_json(PLUGIN / "hooks/hooks.json")["hooks"].values():
        assert hook.keys() <= {"command", "matcher", "timeout", "failClosed"}
        assert hook["command"] == f"{PERSON_COMMAND} hook {hooks_cursor.AGENT}"
        assert not hook.get("failClosed")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_names_only_what_there_is(page: Path) -> None:
    assert front_matter(page)[0]["description"]
    assert list(unknown_words(page)) == []
    assert unknown_commands(page) == set()


def test_each_rule_says_when_it_applies() -> None:
    for rule in PLUGIN.glob("rules/*.mdc"):
        assert front_matter(rule)[0].keys() <= {"description", "globs", "alwaysApply"}


def test_the_name_of_a_skill_is_that_of_its_folder() -> None:
    for skill in PLUGIN.glob("skills/*/SKILL.md"):
        assert front_matter(skill)[0]["name"] == skill.parent.name


def test_commands_and_skills_are_those_of_the_other_plugin() -> None:
    made = dict(make_cursor_plugin.pages())
    there = {page for page in PAGES if page.suffix == ".md"}

    assert there == made.keys()
    assert {page: page.read_text(encoding="utf-8") for page in there} == made


def test_no_page_asks_for_what_cursor_does_not_fill_in() -> None:
    assert not [name_of(page) for page in PAGES if "$" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", [PLUGIN / "README.md", ROOT / "README.md"], ids=["plugin", "root"])
def test_one_click_installs_the_server(page: Path) -> None:
    (link,) = ONE_CLICK.findall(page.read_text(encoding="utf-8"))

    asked = parse_qs(urlsplit(link).query)
    assert asked["name"] == [SERVER]
    assert json.loads(base64.b64decode(asked["config"][0])) == {"command": SERVER_COMMAND}
