"""The tools as clients list them: the file is fresh, and what it costs an agent is bounded."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.analytics.tokens import estimate_tokens
from flowtrace_mcp.tools.server import INSTRUCTIONS, PROFILES

ROOT = Path(__file__).parents[2]
TOOLS: list[dict[str, Any]] = json.loads(
    (ROOT / "flowtrace_mcp/tools/catalog.json").read_text(encoding="utf-8")
)
ALL_LIMIT_TOKENS = 1500
TOOL_LIMIT_TOKENS = 350
INSTRUCTIONS_LIMIT_WORDS = 120
CORE = PROFILES["core"]
HINTS = {"readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"}


def name_of(tool: dict[str, Any]) -> str:
    return str(tool["name"])


def cost_tokens(tool: dict[str, Any]) -> int:
    shown = {key: tool[key] for key in ("name", "description", "inputSchema")}
    return estimate_tokens(json.dumps(shown, separators=(",", ":")))


def undescribed(schema: dict[str, Any]) -> list[str]:
    return [
        name for name, field in schema["properties"].items() if not field.get("description", "")
    ]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_the_catalog_is_what_the_tools_say() -> None:
    command = [sys.executable, "scripts/make_catalog.py", "--check"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.promise("small-tool-list")
def test_the_five_tools_cost_at_most_1500_tokens() -> None:
    costs = {name_of(tool): cost_tokens(tool) for tool in TOOLS if name_of(tool) in CORE}

    assert len(costs) == 5
    assert sum(costs.values()) <= ALL_LIMIT_TOKENS, costs


@pytest.mark.parametrize("tool", TOOLS, ids=name_of)
def test_no_tool_costs_over_350_tokens(tool: dict[str, Any]) -> None:
    assert cost_tokens(tool) <= TOOL_LIMIT_TOKENS


@pytest.mark.parametrize("tool", TOOLS, ids=name_of)
def test_a_description_says_when_to_call_in_150_to_350_characters(tool: dict[str, Any]) -> None:
    assert 150 <= len(tool["description"]) <= 350
    assert tool["description"].startswith("Call ")


@pytest.mark.parametrize("tool", TOOLS, ids=name_of)
def test_a_tool_sets_all_four_hints(tool: dict[str, Any]) -> None:
    hints = tool["annotations"]

    assert {name for name in HINTS if isinstance(hints.get(name), bool)} == HINTS


@pytest.mark.parametrize("tool", TOOLS, ids=name_of)
def test_a_tool_describes_every_parameter(tool: dict[str, Any]) -> None:
    assert undescribed(tool["inputSchema"]) == []


@pytest.mark.parametrize("tool", TOOLS, ids=name_of)
def test_a_schema_has_no_titles(tool: dict[str, Any]) -> None:
    titled = [name for name, field in tool["inputSchema"]["properties"].items() if "title" in field]

    assert titled == []
    assert "title" not in tool["inputSchema"]


def test_a_parameter_without_a_description_is_seen() -> None:
    schema = {"properties": {"told": {"description": "It is"}, "untold": {"type": "string"}}}

    assert undescribed(schema) == ["untold"]


def test_every_profile_offers_tools_of_the_catalog() -> None:
    listed = {name_of(tool) for tool in TOOLS}

    assert {name for names in PROFILES.values() for name in names} == listed


def test_memory_tools_are_loaded_at_once_where_others_come_late() -> None:
    loaded = [name_of(tool) for tool in TOOLS if tool.get("_meta", {}).get("anthropic/alwaysLoad")]

    assert loaded == ["remember", "recall"]


def test_the_instructions_have_at_most_120_words() -> None:
    assert len(INSTRUCTIONS.split()) <= INSTRUCTIONS_LIMIT_WORDS
