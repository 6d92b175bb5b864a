"""JSON with comments and trailing commas, read with places so that one value can be changed.

An edit touches the value it is about, a comma beside it and nothing else: comments, spacing, order
and line ends stay as people left them. The grammar is JSON (RFC 8259) with ``//`` and ``/* */``
comments and a comma allowed before a closing bracket, as VS Code and opencode read it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from flowtrace_mcp.errors import InputError

Json: TypeAlias = dict[str, Any] | list[Any] | str | int | float | bool | None
Path: TypeAlias = Sequence[str]

DEPTH_LIMIT: Final = 100
_BLANK: Final = re.compile(r"(?:\s|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_WORD: Final = re.compile(r"-?\d[\d.eE+-]*|true|false|null")
_INDENT: Final = re.compile(r"\n([ \t]+)\S")


@dataclass(slots=True, kw_only=True)
class Node:
    """A value and where it stands in the text: from ``start`` to before ``end``."""

    start: int
    end: int
    value: Json
    members: list["Member"] = field(default_factory=list)  # of an object or, without keys, an array


@dataclass(slots=True, kw_only=True)
class Member:
    """A member of an object or an item of an array, from its key, or itself, to its value's end."""

    start: int
    key: str
    node: Node
    comma: int = -1  # where the comma behind it stands, -1 = there is none


def parse(text: str) -> Node:
    """Return the value that a text is.

    Raises:
        InputError: It is not JSON with comments; says the line.
    """
    reader = _Reader(text)
    node = reader.value(reader.blank(0), 0)
    if reader.blank(node.end) != len(text):
        raise reader.fault(node.end, "something follows the value")
    return node


def find(text: str, path: Path) -> Json:
    """Return the value at a path of keys, None where there is none.

    Raises:
        InputError: The text is not JSON with comments.
    """
    if not text.strip():
        return None
    found: Node | None = parse(text)
    for key in path:
        member = None if found is None else _member(found, key)
        found = None if member is None else member.node
    return None if found is None else found.value


def with_value(text: str, path: Path, value: Json) -> str:
    """Return the text with a value at a path of keys; objects on the way are made.

    Raises:
        InputError: The text is not JSON with comments, or something else stands on the way.
    """
    if not text.strip():
        return _rendered(_nested(path, value), "", "  ", "\n") + "\n"
    style = _Style.of(text)
    node = parse(text)
    for depth, key in enumerate(path):
        if not isinstance(node.value, dict):
            raise _blocked(path[:depth])
        member = _member(node, key)
        if member is None:
            rest = _nested(path[depth + 1 :], value)
            return _inserted(text, node, f"{json.dumps(key)}: ", rest, style)
        node = member.node
    if node.value == value:
        return text
    rendered = _rendered(value, _indent_at(text, node.start), style.step, style.newline)
    return text[: node.start] + rendered + text[node.end :]


def with_item(text: str, path: Path, item: Json) -> str:
    """Return the text with an item at the end of the array at a path, unless it is there.

    Raises:
        InputError: See ``with_value``.
    """
    present = find(text, path)
    if present is None:
        return with_value(text, path, [item])
    if not isinstance(present, list):
        raise _blocked(path)
    if item in present:
        return text
    return _inserted(text, _node_at(text, path), "", item, _Style.of(text))


def without(text: str, path: Path) -> str:
    """Return the text without the value at a path, and without objects that it leaves empty.

    Raises:
        InputError: The text is not JSON with comments.
    """
    for depth in range(len(path), 0, -1):
        if find(text, path[:depth]) is None:
            return text
        parent = _node_at(text, path[: depth - 1])
        at = next(i for i, one in enumerate(parent.members) if one.key == path[depth - 1])
        text = _cut(text, parent, at)
        if find(text, path[: depth - 1]) != {}:
            break
    return text


def without_item(text: str, path: Path, item: Json) -> str:
    """Return the text without an item of the array at a path, see ``without``."""
    present = find(text, path)
    if not isinstance(present, list) or item not in present:
        return text
    if len(present) == 1:
        return without(text, path)
    return _cut(text, _node_at(text, path), present.index(item))


@dataclass(frozen=True, slots=True)
class _Style:
    step: str
    newline: str

    @classmethod
    def of(cls, text: str) -> "_Style":
        found = _INDENT.search(text)
        return cls(found[1] if found else "  ", "\r\n" if "\r\n" in text else "\n")


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def blank(self, at: int) -> int:
        """Return where the blanks and comments from a place on end."""
        found = _BLANK.match(self._text, at)
        assert found is not None  # it matches nothing, too
        return found.end()

    def fault(self, at: int, why: str) -> InputError:
        line = self._text.count("\n", 0, at) + 1
        return InputError(
            f"cannot read the JSON at line {line}", why=why, mend="correct it, then try again"
        )

    def value(self, at: int, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            raise self.fault(at, f"it is nested deeper than {DEPTH_LIMIT}")
        first = self._text[at : at + 1]
        if first == "{":
            return self._object(at, depth)
        if first == "[":
            return self._array(at, depth)
        found = _STRING.match(self._text, at) or _WORD.match(self._text, at)
        try:
            if found is not None:
                return Node(start=at, end=found.end(), value=json.loads(found[0]))
        except ValueError:
            pass
        raise self.fault(at, "there is no value where one belongs")

    def _object(self, at: int, depth: int) -> Node:
        members: list[Member] = []
        for place in self._places(at, "}", members):
            key = _STRING.match(self._text, place)
            colon = self.blank(key.end()) if key else place
            if key is None or self._text[colon : colon + 1] != ":":
                raise self.fault(place, "a key and a colon belong there")
            node = self.value(self.blank(colon + 1), depth + 1)
            members.append(Member(start=place, key=json.loads(key[0]), node=node))
            self._end = node.end
        found = {member.key: member.node.value for member in members}
        return Node(start=at, end=self._end, value=found, members=members)

    def _array(self, at: int, depth: int) -> Node:
        members: list[Member] = []
        for place in self._places(at, "]", members):
            node = self.value(place, depth + 1)
            members.append(Member(start=place, key="", node=node))
            self._end = node.end
        found = [member.node.value for member in members]
        return Node(start=at, end=self._end, value=found, members=members)

    def _places(self, at: int, closing: str, members: list[Member]) -> Iterator[int]:
        """Yield where each member begins; ``_end`` is where the last one ended, at last the end."""
        at = self.blank(at + 1)
        while self._text[at : at + 1] != closing:
            yield at
            at = self.blank(self._end)
            if self._text[at : at + 1] == ",":
                members[-1].comma = at
                at = self.blank(at + 1)
            elif self._text[at : at + 1] != closing:
                raise self.fault(at, f"a comma or {closing} belongs there")
        self._end = at + 1


def _member(node: Node, key: str) -> Member | None:
    found = [member for member in node.members if member.key == key]
    return found[-1] if found and isinstance(node.value, dict) else None


def _node_at(text: str, path: Path) -> Node:
    node = parse(text)
    for key in path:
        member = _member(node, key)
        assert member is not None
        node = member.node
    return node


def _nested(path: Path, value: Json) -> Json:
    for key in reversed(path):
        value = {key: value}
    return value


def _rendered(value: Json, indent: str, step: str, newline: str) -> str:
    text = json.dumps(value, indent=step, ensure_ascii=False)
    return text.replace("\n", newline + indent)


def _indent_at(text: str, at: int) -> str:
    """Return the blanks at the beginning of the line of a place."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _inserted(text: str, node: Node, head: str, value: Json, style: _Style) -> str:
    """Return the text with a member at the end of an object or an array."""
    closing = node.end - 1
    if not node.members:
        indent = _indent_at(text, node.start)
        inner = indent + style.step
        said = head + _rendered(value, inner, style.step, style.newline)
        inside = text[node.start + 1 : closing].rstrip()
        lines = f"{inside}{style.newline}{inner}{said}{style.newline}{indent}"
        return text[: node.start + 1] + lines + text[closing:]
    last = node.members[-1]
    end = last.node.end
    tail = text[end:closing]
    kept = tail.rstrip()  # a comma that was there, and comments
    comma = "" if last.comma >= 0 else ","
    if "\n" in text[node.start : closing]:
        inner = _indent_at(text, last.start)
        said = style.newline + inner + head + _rendered(value, inner, style.step, style.newline)
    else:
        said = f" {head}{json.dumps(value, ensure_ascii=False)}"
    return text[:end] + comma + kept + said + tail[len(kept) :] + text[closing:]


def _cut(text: str, parent: Node, at: int) -> str:
    """Return the text without one member, its line, and the comma that only it needed."""
    member = parent.members[at]
    start, end, comma = member.start, member.node.end, member.comma
    if comma < 0 and at:  # the last one of several: the comma before it is needed no more
        comma = parent.members[at - 1].comma
    after = max(end, comma + 1)
    rest = text[after:].lstrip(" \t")
    is_last = at == len(parent.members) - 1
    gone = [(start, end)]
    if comma >= 0:
        gone.append((comma, comma + 1))
    if rest.startswith(("\n", "\r\n")):  # it has the end of its line for itself
        gone.append((len(text[:start].rstrip()), start))
    elif is_last:
        gone.append((len(text[:start].rstrip(" \t")), start))
    else:
        gone.append((after, len(text) - len(rest)))
    for first, last in sorted(gone, reverse=True):
        text = text[:first] + text[last:]
    return text


def _blocked(path: Path) -> InputError:
    return InputError(
        f"{'.'.join(path) or 'the file'} is not what it should be",
        why="something else stands where our entry belongs",
        mend="correct it by hand, then try again",
    )
