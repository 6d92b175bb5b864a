"""Conversations of Cursor in its ``state.vscdb``, as ``storage/cursor_state.py`` gives them.

As documented for the versions of 2026 and not seen here: a conversation says its folder and its
model, a message (a bubble) of the user begins a turn, one of the model has a text, or a tool that it
ran, and tokens where Cursor counted them.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from flowtrace_mcp.ingest.messages import from_json
from flowtrace_mcp.ingest.transcripts.shape import ToldSpan
from flowtrace_mcp.ingest.transcripts.telling import (
    Called,
    Teller,
    count_of,
    inner,
    moment_us,
    object_in,
    text_of,
)
from flowtrace_mcp.model.usage import TokenUsage

AGENT: Final = "cursor"
_USER: Final = 1
_MODEL: Final = 2
_FAILED: Final = ("error", "cancelled", "rejected")
# Times stand in milliseconds or as ISO 8601.
_LONGEST_MS: Final = 10**14


class CursorComposersReader:
    """Reads one file, conversation after conversation."""

    def __init__(self) -> None:
        self._teller = Teller(agent=AGENT)
        self.folder = ""
        self.can_begin_here = False
        self._model = ""
        self._began_us = self._last_us = 0
        self._prompt = self._response = ""

    @property
    def session(self) -> str:
        """Return the conversation that is being read."""
        return self._teller.session

    def read(self, line: bytes) -> Iterable[ToldSpan]:
        """Return the spans that are told whole with this conversation or message."""
        entry = object_in(line)
        self.can_begin_here = False
        if "composer" in entry:
            return self._begin(inner(entry, "composer"))
        bubble = inner(entry, "bubble")
        when_us = _moment_us(bubble.get("createdAt")) or self._last_us
        told = list(self._bubble(bubble, when_us))
        self._last_us = max(self._last_us, when_us)
        return told

    def finish(self) -> Iterable[ToldSpan]:
        """Return what is told as far as it goes."""
        return list(self._turn_so_far())

    def _begin(self, composer: dict[str, Any]) -> list[ToldSpan]:
        """Begin a conversation; return the last turn of the one before."""
        told = list(self._turn_so_far())
        self._teller.session = text_of(composer.get("composerId"))
        self._teller.turn = ""
        self.folder = text_of(inner(composer, "workspaceIdentifier", "uri").get("fsPath"))
        self._model = _model_of(inner(composer, "modelConfig"))
        self._began_us = 0
        self._last_us = _moment_us(composer.get("createdAt"))
        self.can_begin_here = True
        return told

    def _bubble(self, bubble: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        key = text_of(bubble.get("bubbleId"))
        if bubble.get("type") == _USER:
            yield from self._turn_so_far()
            self._teller.turn = key or str(when_us)
            self._prompt, self._response = text_of(bubble.get("text")), ""
            self._began_us = when_us
        elif bubble.get("type") == _MODEL:
            text = text_of(bubble.get("text"))
            self._response = text or self._response
            usage = _usage(inner(bubble, "tokenCount"))
            if usage is not None:
                yield self._teller.model_span(
                    Called(key=f"{self.session} {key}", window_us=(self._last_us, when_us)),
                    model=_model_of(inner(bubble, "modelInfo")) or self._model,
                    usage=usage,
                    parts=[{"type": "text", "content": text}] if text else [],
                )
            yield from self._tool(inner(bubble, "toolFormerData"), key, when_us)

    def _turn_so_far(self) -> Iterator[ToldSpan]:
        if self._began_us and self.session:
            yield self._teller.turn_span(
                self._began_us, self._last_us, self._prompt, self._response
            )

    def _tool(self, tool: dict[str, Any], key: str, when_us: int) -> Iterator[ToldSpan]:
        name = text_of(tool.get("name"))
        if not name:
            return
        result, status = from_json(tool.get("result")), text_of(tool.get("status"))
        yield self._teller.tool_span(
            Called(
                key=text_of(tool.get("toolCallId")) or f"{self.session} {key}",
                window_us=(when_us, when_us),
                error=(text_of(tool.get("error")) or status) if status in _FAILED else "",
            ),
            name=name,
            arguments=from_json(tool.get("rawArgs") or tool.get("params")),
            result=result,
        )


def _model_of(said: dict[str, Any]) -> str:
    """Return a model's name; "default" names none."""
    name = text_of(said.get("modelName"))
    return "" if name == "default" else name


def _usage(counted: dict[str, Any]) -> TokenUsage | None:
    """Return the counts; zeros stand where Cursor counted nothing."""
    read, written = count_of(counted.get("inputTokens")), count_of(counted.get("outputTokens"))
    return TokenUsage(input=read, output=written) if read or written else None


def _moment_us(value: Any) -> int:
    """Return a time in microseconds, 0 when it says none."""
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return moment_us(value * 1000 if is_count and 0 < value < _LONGEST_MS else value)
