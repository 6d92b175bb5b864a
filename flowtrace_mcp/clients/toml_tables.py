"""TOML with one table of ours in it, added and taken out as text; all else stays byte for byte.

A table may stand at the end of any TOML file (TOML 1.0, "Table"), so ours is appended. Every edit is
proved by reading the text before and after.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flowtrace_mcp.errors import InputError

_HEADER: Final = re.compile(r"^[ \t]*\[\[?[ \t]*([^\]#\r\n]*?)[ \t]*\]\]?", re.MULTILINE)


def read(text: str) -> dict[str, Any]:
    """Return what a text says.

    Raises:
        InputError: It is not TOML; says the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(
            "cannot read the TOML", why=str(error), mend="correct it, then try again"
        ) from error


def find_table(text: str, path: Sequence[str]) -> object:
    """Return the value at a path of keys, None where there is none.

    Raises:
        InputError: The text is not TOML.
    """
    found: object = read(text)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def with_table(text: str, path: Sequence[str], values: Mapping[str, Any]) -> str:
    """Return the text with a table at a path; one that is there gives way.

    Raises:
        InputError: The text is not TOML, or says the same thing in a way that cannot be edited.
    """
    if find_table(text, path) == values:
        return text
    rest = without_table(text, path)
    newline = "\r\n" if "\r\n" in text else "\n"
    between = "" if not rest.strip() else newline if rest.endswith("\n") else newline * 2
    lines = (f"[{'.'.join(path)}]", *(f"{key} = {_value(one)}" for key, one in values.items()))
    edited = rest + between + newline.join(lines) + newline
    return _proved(edited, _placed(read(rest), path, values), path)


def without_table(text: str, path: Sequence[str]) -> str:
    """Return the text without a table, those below it, and the empty line before them.

    Raises:
        InputError: See ``with_table``.
    """
    if find_table(text, path) is None:
        return text
    name = ".".join(path)
    headers = [*_HEADER.finditer(text)]
    ours = [one for one in headers if _bare(one[1]) == name or _bare(one[1]).startswith(f"{name}.")]
    for one in reversed(ours):
        after = [other.start() for other in headers if other.start() > one.start()]
        end = min(after, default=len(text))
        start = one.start()
        if end == len(text):
            start = len(re.sub(r"(\r?\n)\r?\n\Z", r"\1", text[:start]))
        text = text[:start] + text[end:]
    return _proved(text, _placed(read(text), path, None), path) if ours else _proved(text, {}, path)


def _proved(edited: str, expected: Mapping[str, Any], path: Sequence[str]) -> str:
    try:
        if tomllib.loads(edited) == expected:
            return edited
    except tomllib.TOMLDecodeError:
        pass
    raise InputError(
        f"{'.'.join(path)} cannot be edited here",
        why="the file says it in another way than as a table of its own",
        mend="edit it by hand, or write it as a table",
    )


def _placed(
    said: dict[str, Any], path: Sequence[str], values: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a text says with values at a path, or as it is for None."""
    if values is None:
        return said
    first, *rest = path
    below = said.get(first, {})
    if rest and not isinstance(below, dict):
        return {}
    return said | {first: _placed(below, rest, values) if rest else dict(values)}


def _bare(header: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in header.split("."))


def _value(value: object) -> str:
    """Return a value as TOML; its basic strings are JSON's."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
