"""Notes in Markdown, as MEMORY.md, CLAUDE.md and AGENTS.md hold them.

A bullet with what is indented below it, a paragraph, a table or a fenced block is one memory,
word for word; a fenced block goes with the paragraph or the bullet right above it. The headings
above are its tags, and its aliases, by which it is found: "run make ship" says little without
"Deployment" over it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from flowtrace_mcp.model.found_memory import FoundMemory

TAG_CHARACTERS: Final = 60
_HEADING: Final = re.compile(r"(?P<marks>#{1,6})\s+(?P<text>.*?)\s*#*\s*")
_BULLET: Final = re.compile(r"(?P<indent>[ \t]*)(?P<mark>[-*+]|\d{1,9}[.)])(?P<gap>[ \t]+)\S.*")
_FENCE: Final = re.compile(r"\s*(?P<fence>`{3,}|~{3,})")
_RULE: Final = re.compile(r"\s{0,3}([-*_=])(?:\s*\1){2,}\s*")
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FRONT: Final = re.compile(r"\A---\r?\n(?P<facts>.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_IMPORT: Final = re.compile(r"@[\w./~-]+")


@dataclass(slots=True)
class _Block:
    """Lines that make one memory, so far."""

    lines: list[str] = field(default_factory=list)
    is_bullet: bool = False
    fence: str = ""  # that closes the fenced block it stands in

    def take(self, line: str) -> None:
        """Add a line; blank ones do not begin a block."""
        if not self.lines and not line.strip():
            return
        if self.fence:
            is_end = line.strip().startswith(self.fence) and set(line.strip()) == {self.fence[0]}
            self.fence = "" if is_end else self.fence
        elif fence := _FENCE.match(line):
            self.fence = fence["fence"]
        elif not self.lines:
            self.is_bullet = _BULLET.fullmatch(line) is not None
        self.lines.append(line)


def split_front_matter(text: str) -> tuple[str, str]:
    """Return the facts on top of a note, without their fences, and what is below them."""
    found = _FRONT.match(text.removeprefix("\ufeff"))
    return (found["facts"], text[found.end() :]) if found else ("", text.removeprefix("\ufeff"))


def tag_of(heading: str) -> str:
    """Return a heading as a tag: small letters and hyphens."""
    return "-".join(re.findall(r"\w+", heading.lower()))[:TAG_CHARACTERS]


def parse_notes(text: str, name: str) -> Iterator[FoundMemory]:
    """Yield the memories of a note.

    Args:
        text: The whole of it.
        name: What the file is called; kept with each memory.
    """
    headings: list[tuple[int, str]] = []
    for block in _blocks(_COMMENT.sub("", split_front_matter(text)[1])):
        found = _HEADING.fullmatch(block[0]) if len(block) == 1 else None
        if found is not None:
            depth = len(found["marks"])
            headings = [one for one in headings if one[0] < depth]
            headings.append((depth, found["text"]))
            continue
        content = _unmarked(block)
        if content and not _IMPORT.fullmatch(content):
            titles = tuple(dict.fromkeys(title for _, title in headings if title))
            yield FoundMemory(
                content=content,
                tags=tuple(dict.fromkeys(tag for tag in map(tag_of, titles) if tag)),
                aliases=titles,
                metadata={"source": name},
            )


def _blocks(text: str) -> Iterator[list[str]]:
    """Yield headings, bullets, paragraphs and fenced blocks as their lines."""
    block = _Block()
    for line in text.splitlines():
        if not block.fence and _begins_anew(block, line):
            if block.lines:
                yield block.lines
            block = _Block()
            if _HEADING.fullmatch(line):
                yield [line]
            if _HEADING.fullmatch(line) or _RULE.fullmatch(line):
                continue
        block.take(line)
    if block.lines:
        yield block.lines


def _begins_anew(block: _Block, line: str) -> bool:
    """Say whether a line outside of a fence ends the block before it."""
    if _HEADING.fullmatch(line) or _RULE.fullmatch(line):
        return True
    bullet = _BULLET.fullmatch(line)
    if not block.is_bullet:
        return bullet is not None or not line.strip()
    is_indented = line[:1].isspace()
    if bullet is not None:
        return len(bullet["indent"]) <= _indent(block.lines[0])
    # A blank line leaves it open for what is indented below; anything else there is new.
    return bool(line.strip()) and not is_indented and not block.lines[-1].strip()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _unmarked(lines: list[str]) -> str:
    """Return the text of a block, a bullet without its mark and what is below it moved left."""
    bullet = _BULLET.fullmatch(lines[0])
    if bullet is None:
        return "\n".join(lines).strip("\n")
    width = len(bullet["indent"]) + len(bullet["mark"]) + len(bullet["gap"])
    first = lines[0][width:]
    below = [line[min(width, _indent(line)) :] for line in lines[1:]]
    text = "\n".join((first, *below)).rstrip()
    return re.sub(r"^\[[ xX]\]\s+", "", text)
