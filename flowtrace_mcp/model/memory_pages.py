"""A memory as a page of Markdown: the facts of it on top, its text below, nothing left out.

The values on top are JSON, which YAML reads as well. The text below is byte for byte what is
stored, with one line end added.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import Outcome
from flowtrace_mcp.model.memory_lines import (
    DatedRow,
    LinkLine,
    MemoryLine,
    decode_line,
    encode_line,
)

_OPEN: Final = "---\n"
_CLOSE: Final = "\n---\n\n"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_TIMES: Final = (
    "recorded_us",
    "retracted_us",
    "valid_from_us",
    "valid_to_us",
    "last_seen_us",
)
_LISTS: Final = ("tags", "aliases", "files")


def memory_page(line: MemoryLine, links: Sequence[LinkLine]) -> str:
    """Return the page of a memory.

    Args:
        line: The memory.
        links: Those that lead from it.
    """
    facts: dict[str, Any] = {"handle": memory_handle(bytes.fromhex(line.id))}
    facts |= msgspec.json.decode(encode_line(line))
    del facts["type"], facts["content"]
    for name in _TIMES:
        if facts.get(name) is not None:
            facts[name.removesuffix("_us")] = _shown_time(facts.pop(name))
    for name in _LISTS:
        if name in facts:
            facts[name] = [_shown_row(row, line.recorded_us) for row in facts[name]]
    if line.lapses:
        facts["lapses"] = [[_shown_time(a), _shown_time(b), why] for a, b, why in line.lapses]
    if links:
        facts["links"] = [
            [link.to_id, link.relation, _shown_time(link.created_us)] for link in links
        ]
    top = "\n".join(f"{key}: {msgspec.json.encode(value).decode()}" for key, value in facts.items())
    return f"{_OPEN}{top}{_CLOSE}{line.content}\n"


def is_memory_page(text: str) -> bool:
    """Say whether a text is a page of ours."""
    return text.startswith(f"{_OPEN}handle: ") and "\nid: " in text[:400]


def parse_memory_page(text: str) -> tuple[MemoryLine, list[LinkLine]]:
    """Return the memory of a page and the links that lead from it.

    Raises:
        InputError: It is no page of an export.
    """
    top, close, content = text.removeprefix(_OPEN).partition(_CLOSE)
    if not text.startswith(_OPEN) or not close:
        raise InputError("cannot read the page", why="it has no facts between two lines of ---")
    try:
        facts = dict(_fact(row) for row in top.split("\n"))
        facts.pop("handle", None)
        links = facts.pop("links", [])
        for name in _TIMES:
            if (shown := facts.pop(name.removesuffix("_us"), None)) is not None:
                facts[name] = _stored_time(shown)
        for name in _LISTS:
            rows = facts.get(name, [])
            facts[name] = [_stored_row(row, facts["recorded_us"]) for row in rows]
        lapses = facts.get("lapses", [])
        facts["lapses"] = [(_stored_time(a), _stored_time(b), why) for a, b, why in lapses]
        facts |= {"type": "memory", "content": content.removesuffix("\n")}
        line = decode_line(msgspec.json.encode(facts))
        assert isinstance(line, MemoryLine)
        return line, [_link(line.id, *link) for link in links]
    except (msgspec.MsgspecError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError("cannot read the page", why=str(error)[:200]) from error


def _link(from_id: str, to_id: str, relation: str, when: str | int) -> LinkLine:
    made = LinkLine(
        from_id=from_id,
        to_id=to_id,
        relation=Outcome(relation),
        created_us=_stored_time(when),
    )
    link = decode_line(encode_line(made))
    assert isinstance(link, LinkLine)
    return link


def _fact(row: str) -> tuple[str, Any]:
    key, _, value = row.partition(": ")
    return key, msgspec.json.decode(value)


def _shown_time(when_us: int) -> str | int:
    """Return ISO 8601 to the microsecond, or the number where no calendar reaches."""
    try:
        moment = _EPOCH + timedelta(microseconds=when_us)
    except OverflowError:
        return when_us
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z" if moment.year >= 1000 else when_us


def _stored_time(shown: str | int) -> int:
    if isinstance(shown, int):
        return shown
    return (datetime.fromisoformat(shown) - _EPOCH) // _MICROSECOND


def _shown_row(row: Sequence[Any], recorded_us: int) -> str | list[Any]:
    """Return a value alone where it says nothing more, and holds since the memory does."""
    value, more, from_us, to_us = row
    if not more and from_us == recorded_us and to_us is None:
        return str(value)
    return [value, more, _shown_time(from_us), None if to_us is None else _shown_time(to_us)]


def _stored_row(shown: str | list[Any], recorded_us: int) -> DatedRow:
    if isinstance(shown, str):
        return shown, "", recorded_us, None
    value, more, from_time, to_time = shown
    return value, more, _stored_time(from_time), None if to_time is None else _stored_time(to_time)
