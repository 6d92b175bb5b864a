"""What the pages of a plugin name, to be held against what there is."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flowtrace_mcp.cli.parser import COMMANDS
from flowtrace_mcp.tools.server import PROFILES

ROOT = Path(__file__).parents[2]
TOOLS: dict[str, dict[str, Any]] = {
    tool["name"]: tool
    for tool in json.loads((ROOT / "flowtrace_mcp/tools/catalog.json").read_text(encoding="utf-8"))
}
_CODE = re.compile(r"`(?P<text>[^`]+)`")
_TYPED = re.compile(r"\bflowtrace (?P<name>[a-z]+)\b")
_WORD = re.compile(r"[a-z_]+")
# Of Claude Code's and Cursor's own, and marks that no schema names.
OTHERS = {"verify"}
TYPED = {command.name for command in COMMANDS}


def read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def front_matter(page: Path) -> tuple[dict[str, str], str]:
    """Return the fields between the two lines of dashes, and the text below."""
    _, head, body = page.read_text(encoding="utf-8").split("---\n", 2)
    fields = (line.partition(": ") for line in head.splitlines())
    return {name: text.strip() for name, _, text in fields}, body


def known_words() -> set[str]:
    """Return the names of tools, of what they take and answer, and of the values they know."""
    words = set(TOOLS)
    for tool in TOOLS.values():
        for part in ("inputSchema", "outputSchema"):
            for name, field in tool[part]["properties"].items():
                words.add(name)
                words.update(map(str, field.get("enum", ())))
    return words


def unknown_words(page: Path) -> Iterator[str]:
    """Yield single words in backticks that are no name of ours."""
    known = known_words() | OTHERS
    for found in _CODE.finditer(front_matter(page)[1]):
        if _WORD.fullmatch(found["text"]) and found["text"] not in known:
            yield found["text"]


def unknown_commands(page: Path) -> set[str]:
    """Return the commands that a page has somebody type and that there are not."""
    texts = (found["text"] for found in _CODE.finditer(page.read_text(encoding="utf-8")))
    typed = {found["name"] for text in texts for found in _TYPED.finditer(text)}
    return typed - TYPED


def offered() -> set[str]:
    """Return the tools that the plugins offer."""
    return set(PROFILES["all"])
