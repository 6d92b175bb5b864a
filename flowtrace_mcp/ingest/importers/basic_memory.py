"""Notes of basic-memory: facts on top, observations, relations, and prose between them.

``- [category] text #tag (context)`` is an observation, ``- relation [[Target]]`` a relation.
"""

import re
from collections.abc import Iterator
from typing import Final

from flowtrace_mcp.ingest.importers.notes import parse_notes, split_front_matter
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind

_OBSERVATION: Final = re.compile(r"\s*[-*+]\s+\[(?P<category>[^\[\]()]{2,60})\]\s+(?P<text>\S.*)")
# With more behind the link than a remark in brackets, a line is prose and stays word for word.
_RELATION: Final = re.compile(
    r"\s*[-*+]\s+(?P<how>[^\[\]]*?)\s*\[\[(?P<target>[^\[\]]+)\]\](?P<remark>\s+\([^()]*\))?\s*"
)
_CLOCK: Final = re.compile(r"\d{1,3}:\d{2}(?::\d{2})?.*")
_TAG: Final = re.compile(r"(?<!\S)#(?P<tag>[\w/-]+)")
_FACT: Final = re.compile(r"^(?P<key>[\w-]+):[ \t]*(?P<value>.*)$", re.MULTILINE)
_ITEM: Final = re.compile(r"^[ \t]*-[ \t]+(?P<value>.+)$", re.MULTILINE)
# Headings that only say what stands below them.
_PLAIN_HEADING: Final = re.compile(r"#{1,6}\s+(?:observations?|relations?)\s*", re.IGNORECASE)
_KINDS: Final = {
    **{kind.value: kind for kind in MemoryKind},
    "bug": MemoryKind.GOTCHA,
    "issue": MemoryKind.GOTCHA,
    "problem": MemoryKind.GOTCHA,
    "warning": MemoryKind.GOTCHA,
    "solution": MemoryKind.FIX,
    "todo": MemoryKind.PLAN,
    "idea": MemoryKind.PLAN,
    "rule": MemoryKind.PREFERENCE,
    "requirement": MemoryKind.FACT,
}


def is_basic_note(text: str) -> bool:
    """Say whether a note is one of basic-memory: it has a permalink among its facts."""
    return "permalink" in dict(_facts(split_front_matter(text)[0]))


def parse_basic_note(text: str, name: str) -> Iterator[FoundMemory]:
    """Yield the observations, relations and paragraphs of a note.

    Args:
        text: The whole of it.
        name: What the file is called.
    """
    front, below = split_front_matter(text)
    facts = dict(_facts(front))
    title = facts.get("title", "") or name.removesuffix(".md")
    tags = _tags(front)
    metadata = {"source": f"basic-memory/{facts.get('permalink') or name}"}
    prose: list[str] = []
    for line in below.splitlines():
        observed, related = _OBSERVATION.fullmatch(line), _RELATION.fullmatch(line)
        if observed and not _CLOCK.fullmatch(observed["category"]):
            category = observed["category"].strip().lower()
            own = tuple(found["tag"] for found in _TAG.finditer(observed["text"]))
            yield FoundMemory(
                content=observed["text"].strip(),
                kind=_KINDS.get(category, MemoryKind.NOTE),
                tags=tuple(dict.fromkeys((category, *own, *tags))),
                aliases=(title,),
                metadata=metadata,
            )
        elif related:
            how = related["how"].strip() or "relates to"
            yield FoundMemory(
                content=f"{title} {how} {related['target']}{related['remark'] or ''}",
                kind=MemoryKind.FACT,
                tags=("relation", *tags),
                aliases=(title, related["target"]),
                metadata=metadata,
            )
        elif not _PLAIN_HEADING.fullmatch(line):
            prose.append(line)
    for found in parse_notes("\n".join(prose), name):
        yield FoundMemory(
            content=found.content,
            tags=tuple(dict.fromkeys((*found.tags, *tags))),
            aliases=tuple(dict.fromkeys((title, *found.aliases))),
            metadata=metadata,
        )


def _facts(front: str) -> Iterator[tuple[str, str]]:
    for found in _FACT.finditer(front):
        yield found["key"].lower(), found["value"].strip().strip("\"'")


def _tags(front: str) -> tuple[str, ...]:
    """Return the tags among the facts, written on one line or below each other."""
    value = dict(_facts(front)).get("tags", "")
    if value:
        return tuple(tag for part in value.strip("[]").split(",") if (tag := part.strip(" \"'#")))
    begin = re.search(
        r"^tags:[ \t]*\r?\n(?P<items>(?:[ \t]*-[ \t]+.+(?:\r?\n|\Z))+)", f"{front}\n", re.MULTILINE
    )
    items = _ITEM.findall(begin["items"]) if begin else []
    return tuple(item.strip(" \"'#") for item in items)
