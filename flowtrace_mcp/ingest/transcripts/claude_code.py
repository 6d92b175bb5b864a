"""Sessions of Claude Code: ``~/.claude/projects/<folder>/<session>.jsonl``, and its sub-agents'.

Written against version 2.1.330. A message of the model stands in as many lines as it has blocks, each
with the usage of the whole; the line with most output says it best. A sub-agent has a file of its
own, and beside it one that names the call of the tool it ran under; in older files its lines stand
among those of the session.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from flowtrace_mcp.ingest.transcripts.shape import ToldSpan
from flowtrace_mcp.ingest.transcripts.telling import (
    Called,
    Teller,
    blocks_in,
    count_of,
    inner,
    moment_us,
    object_in,
    text_of,
    texts_in,
)
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.usage import TokenUsage

AGENT: Final = "claude-code"
PROVIDER: Final = "anthropic"
SYNTHETIC: Final = "<synthetic>"  # said by the program, not by a model
_AGENT_TOOLS: Final = ("Agent", "Task")
_OPEN_LIMIT: Final = 1_000


class _Message(msgspec.Struct, kw_only=True):
    """A message of the model, of which more blocks may come."""

    message_id: str
    request_id: str
    start_us: int
    end_us: int
    model: str
    above: str
    usage: dict[str, Any] = {}
    parts: list[AttributeValue] = []
    stop_reason: str = ""
    error: str = ""


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that was asked for and has not answered."""

    name: str
    arguments: AttributeValue
    start_us: int
    above: str


class ClaudeCodeReader:
    """Reads one file.

    Args:
        above: Id of the call of the tool that a sub-agent ran under, "" for a session's own file.
        is_sub_agent: Whether the file is one of a sub-agent.
    """

    def __init__(self, above: str = "", *, is_sub_agent: bool = False) -> None:
        self._teller = Teller(agent=AGENT)
        self._above = above
        self._is_sub_agent = is_sub_agent
        self.folder = ""
        self.can_begin_here = False
        self._began_us = self._last_us = 0
        self._prompt = self._response = ""
        self._message: _Message | None = None
        self._closed: _Message | None = None  # more of it may come after a tool's answer
        self._open: dict[str, _Call] = {}

    @property
    def session(self) -> str:
        """Return the session that the file is of."""
        return self._teller.session

    def read(self, line: bytes) -> Iterable[ToldSpan]:
        """Return the spans that are told whole with this line."""
        entry = object_in(line)
        self.can_begin_here = False
        kind = entry.get("type")
        if kind not in ("user", "assistant") or "forkedFrom" in entry:
            return []
        self._teller.session = text_of(entry.get("sessionId")) or self._teller.session
        self._teller.version = text_of(entry.get("version")) or self._teller.version
        self.folder = self.folder or text_of(entry.get("cwd"))
        when_us = moment_us(entry.get("timestamp")) or self._last_us
        told = list(self._user(entry, when_us) if kind == "user" else self._model(entry, when_us))
        self._last_us = max(self._last_us, when_us)
        return told

    def finish(self) -> Iterable[ToldSpan]:
        """Return what is told as far as it goes."""
        return [*self._close_message(), *self._turn_so_far()]

    def _user(self, entry: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        """Tell what a line of the user's side ends: the message before it, tools, a turn."""
        yield from self._close_message()
        content = inner(entry, "message").get("content")
        for block in blocks_in(content):
            if block.get("type") == "tool_result":
                yield from self._result(block, when_us)
        if self._is_sub_agent:
            self._teller.turn = text_of(entry.get("promptId")) or self._teller.turn
        elif _is_prompt(entry, content):
            yield from self._turn_so_far()
            self._teller.turn = text_of(entry.get("promptId")) or text_of(entry.get("uuid"))
            self._prompt, self._response = texts_in(content), ""
            self._began_us = when_us
            self._open.clear()
            self.can_begin_here = True

    def _turn_so_far(self) -> Iterator[ToldSpan]:
        if self._began_us:
            yield self._teller.turn_span(
                self._began_us, self._last_us, self._prompt, self._response
            )

    def _result(self, block: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        call_id = text_of(block.get("tool_use_id"))
        call = self._open.pop(call_id, None)
        if call is None:
            return
        said = block.get("content")
        text = texts_in(said)
        yield self._teller.tool_span(
            Called(
                key=call_id,
                window_us=(call.start_us, when_us),
                above=call.above,
                error=(text or "error") if block.get("is_error") is True else "",
            ),
            name=call.name,
            arguments=call.arguments,
            result=text or said,
        )

    def _model(self, entry: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        said = inner(entry, "message")
        message_id = text_of(said.get("id")) or text_of(entry.get("uuid"))
        earlier = self._closed
        if self._message is None or self._message.message_id != message_id:
            yield from self._close_message()
            is_more = earlier is not None and earlier.message_id == message_id
            self._message = (is_more and earlier) or _Message(
                message_id=message_id,
                request_id=text_of(entry.get("requestId")),
                start_us=self._last_us or when_us,
                end_us=when_us,
                model=text_of(said.get("model")),
                above=self._above or self._agent_call(entry),
            )
        message = self._message
        message.end_us = max(message.end_us, when_us)
        usage = inner(said, "usage")
        if (count_of(usage.get("output_tokens")) or 0) >= _output(message.usage):
            message.usage = usage
        message.stop_reason = text_of(said.get("stop_reason")) or message.stop_reason
        if entry.get("isApiErrorMessage") is True:
            message.error = texts_in(said.get("content")) or "error"
        for block in blocks_in(said.get("content")):
            self._block(message, block, when_us)

    def _agent_call(self, entry: dict[str, Any]) -> str:
        """Return the call under which a sub-agent speaks whose lines stand among the session's."""
        if entry.get("isSidechain") is not True or self._is_sub_agent:
            return ""
        open_calls = reversed(self._open.items())
        return next((call_id for call_id, call in open_calls if call.name in _AGENT_TOOLS), "")

    def _block(self, message: _Message, block: dict[str, Any], when_us: int) -> None:
        match block.get("type"):
            case "text":
                text = text_of(block.get("text"))
                message.parts.append({"type": "text", "content": text})
                self._response = self._response if message.above else text or self._response
            case "tool_use":
                call_id, name = text_of(block.get("id")), text_of(block.get("name"))
                arguments = block.get("input")
                message.parts.append(
                    {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}
                )
                if len(self._open) < _OPEN_LIMIT and call_id and name:
                    self._open[call_id] = _Call(
                        name=name, arguments=arguments, start_us=when_us, above=message.above
                    )

    def _close_message(self) -> Iterator[ToldSpan]:
        message, self._message = self._message, None
        self._closed = message or self._closed
        if message is None or (message.model == SYNTHETIC and not message.error):
            return
        usage = message.usage
        yield self._teller.model_span(
            Called(
                key=message.message_id,
                window_us=(message.start_us, message.end_us),
                above=message.above,
                error=message.error,
            ),
            model="" if message.model == SYNTHETIC else message.model,
            usage=_usage(usage) if usage and message.model != SYNTHETIC else None,
            parts=message.parts,
            **{
                "gen_ai.provider.name": PROVIDER,
                # The id that its OpenTelemetry gives under this name.
                "gen_ai.response.id": message.request_id or message.message_id,
                "gen_ai.response.finish_reasons": message.stop_reason,
                "gen_ai.usage.service_tier": text_of(usage.get("service_tier")),
                "cache_creation_1h_tokens": count_of(
                    inner(usage, "cache_creation").get("ephemeral_1h_input_tokens")
                ),
            },
        )


def _is_prompt(entry: dict[str, Any], content: Any) -> bool:
    """Say whether a line is what the user typed, and no tool's answer or reminder."""
    if any(entry.get(mark) is True for mark in ("isMeta", "isSidechain", "isCompactSummary")):
        return False
    if isinstance(content, list):
        kinds = {text_of(block.get("type")) for block in blocks_in(content)}
        return bool(kinds) and "tool_result" not in kinds
    return isinstance(content, str)


def _output(usage: dict[str, Any]) -> int:
    return count_of(usage.get("output_tokens")) or 0


def _usage(usage: dict[str, Any]) -> TokenUsage:
    """Return the counts; Anthropic's input is without what the cache gave or took."""
    return TokenUsage(
        input=count_of(usage.get("input_tokens")),
        cache_read=count_of(usage.get("cache_read_input_tokens")),
        cache_write=count_of(usage.get("cache_creation_input_tokens")),
        output=count_of(usage.get("output_tokens")),
        reasoning=count_of(inner(usage, "output_tokens_details").get("thinking_tokens")),
    )
