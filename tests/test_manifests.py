"""What the MCP registry and Claude Desktop are told of us, held against their rules and against us."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.clients.table import SERVER
from flowtrace_mcp.settings import OPTIONS
from flowtrace_mcp.tools.server import PROFILES
from scripts.make_mcpb import manifest, stage
from tests.test_distribution import PROJECT
from tests.test_tidy import ROOT

ENTRY: dict[str, Any] = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
(PACKAGE,) = ENTRY["packages"]
MCPB = ROOT / "build/mcpb-tool/node_modules/.bin/mcpb"

# The registry's schema of 2025-12-11.
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
REGISTRY_NAME = re.compile(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+")
ENTRY_KEYS = {
    "$schema",
    "name",
    "title",
    "description",
    "version",
    "repository",
    "websiteUrl",
    "icons",
    "packages",
    "remotes",
    "_meta",
}
PACKAGE_KEYS = {
    "registryType",
    "registryBaseUrl",
    "identifier",
    "version",
    "fileSha256",
    "runtimeHint",
    "transport",
    "runtimeArguments",
    "packageArguments",
    "environmentVariables",
}
VARIABLE_KEYS = {
    "name",
    "description",
    "isRequired",
    "isSecret",
    "format",
    "default",
    "placeholder",
    "choices",
    "value",
    "variables",
}


def test_the_entry_of_the_registry_has_the_fields_and_lengths_of_its_schema() -> None:
    assert ENTRY["$schema"] == SCHEMA
    assert set(ENTRY) <= ENTRY_KEYS
    assert REGISTRY_NAME.fullmatch(ENTRY["name"])
    assert 3 <= len(ENTRY["name"]) <= 200
    assert 1 <= len(ENTRY["title"]) <= 100
    assert 1 <= len(ENTRY["description"]) <= 100
    assert not re.search(r"[\^~<>=*x|]|latest", ENTRY["version"]), "a version is exact"


def test_the_package_of_the_registry_is_ours_and_starts_by_its_name() -> None:
    assert set(PACKAGE) <= PACKAGE_KEYS
    assert (PACKAGE["registryType"], PACKAGE["identifier"]) == ("pypi", PROJECT["name"])
    assert PACKAGE["transport"] == {"type": "stdio"}
    assert PACKAGE["runtimeHint"] == "uvx"
    assert PACKAGE["identifier"] in PROJECT["scripts"], "uvx runs the command of that name"


def test_its_variables_are_settings_and_say_what_the_settings_say() -> None:
    options = {option.variable: option for option in OPTIONS}
    for variable in PACKAGE["environmentVariables"]:
        assert set(variable) <= VARIABLE_KEYS
        if variable["name"] != "FLOWTRACE_HOME":
            assert variable["description"] == options[variable["name"]].help
        for choice in (*variable.get("choices", ()), *filter(None, [variable.get("default")])):
            options[variable["name"]].parse(choice)


def test_the_page_of_the_index_says_that_the_entry_is_ours() -> None:
    readme = (ROOT / PROJECT["readme"]).read_text(encoding="utf-8")

    assert re.findall(r"^<!-- mcp-name: (\S+) -->$", readme, re.MULTILINE) == [ENTRY["name"]]


def test_the_bundle_states_our_tools_and_starts_our_command() -> None:
    told = manifest()

    assert told["manifest_version"] == "0.4"
    assert [tool["name"] for tool in told["tools"]] == list(PROFILES["core"])
    assert all(tool["description"] for tool in told["tools"])
    assert told["version"] == ENTRY["version"]
    assert told["server"]["mcp_config"]["args"][-1] in PROJECT["scripts"]
    assert told["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]
    assert told["name"].startswith(SERVER)


def test_the_folder_of_the_bundle_has_what_its_manifest_names(tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "stale.py").touch()

    stage(folder)

    told = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert told == manifest()
    assert (folder / told["server"]["entry_point"]).is_file()
    assert (folder / told["icon"]).is_file()
    assert (folder / PROJECT["readme"]).is_file()
    assert not list(folder.rglob("*.pyc"))
    assert not (folder / "stale.py").exists()


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.skipif(
    not MCPB.exists() or shutil.which("node") is None, reason="`make mcpb` installs the tool"
)
def test_the_tool_of_the_format_finds_no_fault(tmp_path: Path) -> None:
    stage(tmp_path)

    done = subprocess.run(
        [MCPB, "validate", tmp_path / "manifest.json"], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
