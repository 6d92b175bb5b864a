"""The one shape that the hook events of all coding agents take."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from flowtrace_mcp.ingest.messages import from_json
from flowtrace_mcp.ingest.span_facts import amount, text
from flowtrace_mcp.ingest.token_counts import Counts, token_count
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.usage import TokenUsage

_LONGEST_MS: Final = 30 * 24 * 3600 * 1000


class HookKind(StrEnum):
    """What an event means, whatever its agent calls it."""

    SESSION_START = "session_start"
    SESSION_END = "session_end"
    PROMPT = "prompt"
    TURN_END = "turn_end"
    TOOL_START = "tool_start"
    TOOL_END = "tool_end"
    MODEL_END = "model_end"
    OTHER = "other"  # kept as it was sent, and no more


class HookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What one event says; "" and None say that it is silent."""

    agent: str
    event: str  # as the agent calls it
    time_us: int = 0  # when the hook ran
    kind: HookKind = HookKind.OTHER
    session: str = ""
    turn: str = ""  # one prompt and all that follows from it
    is_cut: bool = False  # the session goes on with a summary of what was said in it
    folder: str = ""
    transcript: str = ""  # the file that the agent writes of the session
    model: str = ""
    prompt: str = ""
    response: str = ""
    tool_name: str = ""
    tool_call_id: str = ""
    tool_arguments: AttributeValue = None
    tool_result: AttributeValue = None
    error: str = ""  # why the tool or the turn failed
    is_failed: bool = False
    duration_us: int | None = None
    usage: TokenUsage | None = None


class Said:
    """A JSON object read field by field; a field of another type counts as not there."""

    def __init__(self, fields: object) -> None:
        self._fields: Mapping[str, Any] = fields if isinstance(fields, Mapping) else {}

    def text(self, *names: str) -> str:
        """Return the first of these fields that holds a text or a number, "" when none does."""
        return next(filter(None, (text(self._fields.get(name)) for name in names)), "")

    def value(self, *names: str) -> AttributeValue:
        """Return the first of these fields that is there, as it stands."""
        found = (self._fields.get(name) for name in names)
        return next((value for value in found if value is not None), None)

    def parsed(self, *names: str) -> AttributeValue:
        """Return the first of these fields that is there, parsed where it is JSON in a text."""
        return from_json(self.value(*names))

    def inner(self, name: str) -> "Said":
        """Return a field that is an object; an empty one when it is not."""
        return Said(self._fields.get(name))

    def first(self, name: str) -> str:
        """Return the first text of a field that is a list, "" when there is none."""
        found = self._fields.get(name)
        if isinstance(found, Sequence) and not isinstance(found, str | bytes) and found:
            return text(found[0])
        return ""

    def is_false(self, name: str) -> bool:
        """Say whether a field is there and false."""
        return self._fields.get(name) is False

    def duration_us(self, *names: str) -> int | None:
        """Return a duration that stands in milliseconds, None when it is not said."""
        found = next((self._fields[name] for name in names if name in self._fields), None)
        milliseconds = amount(found)
        if milliseconds is None or milliseconds > _LONGEST_MS:
            return None
        return int(milliseconds * 1000)

    def usage(self) -> TokenUsage | None:
        """Return the token counts under their plain names; the input includes the cache."""
        return Counts(
            input=token_count(self._fields.get("input_tokens")),
            cache_read=token_count(self._fields.get("cache_read_tokens")),
            cache_write=token_count(self._fields.get("cache_write_tokens")),
            output=token_count(self._fields.get("output_tokens")),
        ).usage()
