"""Sessions of Gemini CLI: ``~/.gemini/tmp/<project>/chats/session-*.json`` or ``.jsonl``.

An older file is one JSON object with all messages, a newer one has a message a line, again when it
has grown. As documented for version 0.61; thoughts are counted beside the output.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from flowtrace_mcp.ingest.transcripts.shape import ToldSpan
from flowtrace_mcp.ingest.transcripts.telling import (
    Called,
    Teller,
    count_of,
    inner,
    moment_us,
    object_in,
    text_of,
    texts_in,
)
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.usage import TokenUsage

AGENT: Final = "gemini"
PROVIDER: Final = "gcp.gemini"


class GeminiReader:
    """Reads one file.

    Args:
        folder: Where the agent worked, which the file itself does not say.
    """

    def __init__(self, folder: str = "") -> None:
        self._teller = Teller(agent=AGENT)
        self.folder = folder
        self.can_begin_here = False
        self._began_us = self._last_us = 0
        self._prompt = self._response = ""

    @property
    def session(self) -> str:
        """Return the session that the file is of."""
        return self._teller.session

    def read(self, line: bytes) -> Iterable[ToldSpan]:
        """Return the spans that are told whole with this line, or with a whole file in one."""
        entry = object_in(line)
        self._teller.session = text_of(entry.get("sessionId")) or self._teller.session
        self.can_begin_here = False
        messages = entry.get("messages", inner(entry, "$set").get("messages"))
        if not isinstance(messages, list):
            messages = [entry]
        return [
            span
            for message in messages
            if isinstance(message, dict)
            for span in self._message(message)
        ]

    def finish(self) -> Iterable[ToldSpan]:
        """Return what is told as far as it goes."""
        return list(self._turn_so_far())

    def _message(self, message: dict[str, Any]) -> Iterator[ToldSpan]:
        when_us = moment_us(message.get("timestamp")) or self._last_us
        key = text_of(message.get("id"))
        match message.get("type"):
            case "user" if key != self._teller.turn:
                yield from self._turn_so_far()
                self._teller.turn = key or str(when_us)
                self._prompt, self._response = texts_in(message.get("content")), ""
                self._began_us = when_us
            case "gemini" if key:
                yield from self._model(message, key, when_us)
        self._last_us = max(self._last_us, when_us)

    def _turn_so_far(self) -> Iterator[ToldSpan]:
        if self._began_us and self.session:
            yield self._teller.turn_span(
                self._began_us, self._last_us, self._prompt, self._response
            )

    def _model(self, message: dict[str, Any], key: str, when_us: int) -> Iterator[ToldSpan]:
        text = texts_in(message.get("content"))
        self._response = text or self._response
        calls = message.get("toolCalls")
        tools = (
            [call for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
        )
        parts: list[AttributeValue] = [{"type": "text", "content": text}] if text else []
        parts += [
            {
                "type": "tool_call",
                "id": text_of(tool.get("id")),
                "name": text_of(tool.get("name")),
                "arguments": tool.get("args"),
            }
            for tool in tools
        ]
        yield self._teller.model_span(
            Called(key=key, window_us=(self._last_us or when_us, when_us)),
            model=text_of(message.get("model")),
            usage=_usage(inner(message, "tokens")),
            parts=parts,
            **{"gen_ai.provider.name": PROVIDER},
        )
        for tool in tools:
            if name := text_of(tool.get("name")):
                yield self._tool(tool, name, when_us)

    def _tool(self, tool: dict[str, Any], name: str, asked_us: int) -> ToldSpan:
        done_us = max(moment_us(tool.get("timestamp")), asked_us)
        self._last_us = max(self._last_us, done_us)
        failed = text_of(tool.get("status")) in ("error", "cancelled")
        said = text_of(tool.get("resultDisplay"))
        return self._teller.tool_span(
            Called(
                key=text_of(tool.get("id")) or f"{self.session} {name} {done_us}",
                window_us=(asked_us, done_us),
                error=(said or text_of(tool.get("status"))) if failed else "",
            ),
            name=name,
            arguments=tool.get("args"),
            result=tool.get("result") or said,
        )


def _usage(tokens: dict[str, Any]) -> TokenUsage | None:
    """Return the counts, of which the input holds what the cache gave."""
    if not tokens:
        return None
    read, thoughts = count_of(tokens.get("cached")), count_of(tokens.get("thoughts"))
    whole, output = count_of(tokens.get("input")), count_of(tokens.get("output"))
    whole = None if whole is None else whole + (count_of(tokens.get("tool")) or 0)
    return TokenUsage(
        input=None if whole is None else max(whole - (read or 0), 0),
        cache_read=read,
        output=None if output is None else output + (thoughts or 0),
        reasoning=thoughts,
    )
