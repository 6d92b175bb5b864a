"""Spans as the readers of session files tell them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.told_spans import TURN, usage_attributes
from flowtrace_mcp.ingest.transcripts.shape import ERROR_CHARACTERS, ToldSpan
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.model.usage import TokenUsage

_OBJECT: Final = msgspec.json.Decoder(dict[str, Any])


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """A call: of a model, or of a tool."""

    key: str  # what tells it from every other of the agent
    window_us: tuple[int, int]
    above: str = ""  # the key of the tool that it ran under
    error: str = ""


class Teller(msgspec.Struct, kw_only=True):
    """What all spans of a file share, as it stands now."""

    agent: str
    session: str = ""
    turn: str = ""
    version: str = ""

    def turn_span(self, start_us: int, end_us: int, prompt: str, response: str) -> ToldSpan:
        """Return the span of the present turn."""
        return ToldSpan(
            kind=TURN,
            agent=self.agent,
            session=self.session,
            turn=self.turn,
            key="",
            name=f"{self.agent} turn",
            start_us=start_us,
            end_us=end_us,
            version=self.version,
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.name": self.agent,
                "user_prompt": prompt,
                "output.value": response,
            },
        )

    def model_span(
        self,
        call: Called,
        *,
        model: str,
        usage: TokenUsage | None,
        parts: Sequence[AttributeValue] = (),
        **more: AttributeValue,
    ) -> ToldSpan:
        """Return the span of a call of a model, with what it answered."""
        output: AttributeValue = [{"role": "assistant", "parts": list(parts)}] if parts else None
        return ToldSpan(
            kind="model",
            agent=self.agent,
            session=self.session,
            turn=self.turn,
            key=call.key,
            above=call.above,
            name=f"chat {model}".strip(),
            start_us=call.window_us[0],
            end_us=call.window_us[1],
            error=call.error[:ERROR_CHARACTERS],
            version=self.version,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.request.model": model,
                "gen_ai.output.messages": output,
                **usage_attributes(usage),
                **more,
            },
        )

    def tool_span(
        self, call: Called, *, name: str, arguments: AttributeValue, result: AttributeValue
    ) -> ToldSpan:
        """Return the span of the run of a tool."""
        return ToldSpan(
            kind="tool",
            agent=self.agent,
            session=self.session,
            turn=self.turn,
            key=call.key,
            above=call.above,
            name=f"execute_tool {name}",
            start_us=call.window_us[0],
            end_us=call.window_us[1],
            error=call.error[:ERROR_CHARACTERS],
            version=self.version,
            attributes={
                "gen_ai.operation.name": "execute_tool",
                "gen_ai.tool.name": name,
                "gen_ai.tool.call.id": call.key,
                "gen_ai.tool.call.arguments": arguments,
                "gen_ai.tool.call.result": result,
            },
        )


def object_in(line: bytes) -> dict[str, Any]:
    """Return the JSON object that a line is.

    Raises:
        InputError: It is none.
    """
    try:
        return _OBJECT.decode(line)
    except UNDECODABLE as error:
        raise InputError("cannot read the line", why=str(error)[:200]) from error


def inner(entry: Any, *names: str) -> dict[str, Any]:
    """Return an object inside objects, empty when there is none."""
    for name in names:
        entry = entry.get(name) if isinstance(entry, dict) else None
    return entry if isinstance(entry, dict) else {}


def text_of(value: Any) -> str:
    """Return a text, "" for anything else."""
    return value if isinstance(value, str) else ""


def blocks_in(content: Any) -> list[dict[str, Any]]:
    """Return the blocks of a message that are objects, none where it has no blocks."""
    blocks = content if isinstance(content, list) else []
    return [block for block in blocks if isinstance(block, dict)]


def texts_in(content: Any) -> str:
    """Return the texts of a message: one text, or blocks of which some hold a text."""
    if isinstance(content, str):
        return content
    found = (text_of(block.get("text")) for block in blocks_in(content))
    return "\n".join(text for text in found if text)


def moment_us(value: Any) -> int:
    """Return a time of a line in microseconds, 0 when it says none."""
    try:
        return parse_time_us(value) if isinstance(value, str | int) and value else 0
    except InputError:
        return 0


def count_of(value: Any) -> int | None:
    """Return a count of tokens, None for anything else."""
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else None
