"""Claude Code's own memory of a project: a file a fact, and MEMORY.md, which points to them.

Our own block in MEMORY.md is not part of it: what stands between its marks was ours before.
"""

import re
from collections.abc import Iterator
from typing import Final

from flowtrace_mcp.ingest.importers.notes import parse_notes, split_front_matter
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind

INDEX_FILE: Final = "MEMORY.md"
BEGIN: Final = "<!-- flowtrace:begin -->"
END: Final = "<!-- flowtrace:end -->"
_BLOCK: Final = re.compile(rf"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
_POINTER: Final = re.compile(r"\[[^\]\n]*\]\([^)\s]+\.md\).*", re.DOTALL)
_FACT: Final = re.compile(
    r"^\s*(?P<name>name|description|type):[ \t]*(?P<text>.*?)[ \t]*$", re.MULTILINE
)
_KINDS: Final = {
    "user": MemoryKind.PREFERENCE,
    "feedback": MemoryKind.PREFERENCE,
    "project": MemoryKind.FACT,
    "reference": MemoryKind.NOTE,
}


def find_block(text: str) -> tuple[int, int] | None:
    """Return where our block begins and ends, None when there is none.

    Raises:
        ValueError: Its marks are not one pair: what lies between cannot be told from a person's.
    """
    if BEGIN not in text and END not in text:
        return None
    found = _BLOCK.search(text)
    if found is None or text.count(BEGIN) != 1 or text.count(END) != 1:
        raise ValueError("the marks of the block are not one pair")
    return found.span()


def parse_claude_memory(text: str, name: str) -> Iterator[FoundMemory]:
    """Yield what a file of Claude Code's memory says.

    Args:
        text: The whole of it.
        name: What the file is called; kept with each memory.
    """
    facts, body = split_front_matter(text)
    if not facts:
        for found in parse_notes(_BLOCK.sub("", text), name):
            if not _POINTER.fullmatch(found.content):
                yield found
        return
    told = {found["name"]: found["text"].strip("\"'") for found in _FACT.finditer(facts)}
    if body.strip():
        yield FoundMemory(
            content=body.strip(),
            kind=_KINDS.get(told.get("type", ""), MemoryKind.NOTE),
            aliases=tuple(filter(None, (told.get("name"), told.get("description")))),
            metadata={"source": name},
        )
