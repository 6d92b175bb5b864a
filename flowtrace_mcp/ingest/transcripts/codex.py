"""Sessions of Codex: ``$CODEX_HOME/sessions/YYYY/MM/DD/rollout-<time>-<id>.jsonl``.

Written against version 0.169. After each call of the model a line tells what it used and what the
session has used in all; it comes again when only the limits have changed.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

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
    texts_in,
)
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.usage import TokenUsage

AGENT: Final = "codex"
PROVIDER: Final = "openai"
_OPEN_LIMIT: Final = 1_000
# A command's end stands in a line of its own before what it printed.
_EXIT: Final = re.compile(r"^(?:Exit code:|Process exited with code) (\d+)", re.MULTILINE)
_HEAD_CHARACTERS: Final = 300
_CALLS: Final = ("function_call", "custom_tool_call", "local_shell_call")
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")


class _Call(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    arguments: AttributeValue
    start_us: int


class CodexReader:
    """Reads one file."""

    def __init__(self) -> None:
        self._teller = Teller(agent=AGENT)
        self.folder = ""
        self.can_begin_here = False
        self._model = self._turn_id = ""
        self._began_us = self._last_us = self._asked_us = 0
        self._prompt = self._response = ""
        self._parts: list[AttributeValue] = []
        self._used: Any = None  # by the session so far, as the file says it
        self._open: dict[str, _Call] = {}

    @property
    def session(self) -> str:
        """Return the session that the file is of."""
        return self._teller.session

    def read(self, line: bytes) -> Iterable[ToldSpan]:
        """Return the spans that are told whole with this line."""
        entry = object_in(line)
        self.can_begin_here = False
        payload = inner(entry, "payload")
        when_us = moment_us(entry.get("timestamp")) or self._last_us
        match entry.get("type"):
            case "session_meta":
                self._teller.session = self._teller.session or text_of(payload.get("id"))
                self._teller.version = text_of(payload.get("cli_version"))
                self.folder = self.folder or text_of(payload.get("cwd"))
                told: list[ToldSpan] = []
            case "turn_context":
                self._model = text_of(payload.get("model")) or self._model
                self.folder = self.folder or text_of(payload.get("cwd"))
                told = []
            case "event_msg":
                told = list(self._event(payload, when_us))
            case "response_item":
                told = list(self._item(payload, when_us))
            case _:
                told = []
        self._last_us = max(self._last_us, when_us)
        return told

    def finish(self) -> Iterable[ToldSpan]:
        """Return what is told as far as it goes."""
        return list(self._turn_so_far())

    def _event(self, payload: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        match payload.get("type"):
            case "task_started" | "turn_started":
                yield from self._begin(text_of(payload.get("turn_id")), when_us)
            case "user_message":
                if not self._began_us or self._prompt:  # an older file names no start
                    yield from self._begin("", when_us)
                self._prompt = text_of(payload.get("message"))
            case "agent_message":
                self._response = text_of(payload.get("message")) or self._response
            case "task_complete" | "turn_complete":
                self._response = text_of(payload.get("last_agent_message")) or self._response
            case "token_count":
                yield from self._count(inner(payload, "info"), when_us)

    def _begin(self, turn: str, when_us: int) -> Iterator[ToldSpan]:
        yield from self._turn_so_far()
        self._turn_id = turn
        self._teller.turn = turn or str(when_us)
        self._prompt = self._response = ""
        self._began_us = self._last_us = self._asked_us = when_us
        self._open.clear()
        self._parts = []

    def _turn_so_far(self) -> Iterator[ToldSpan]:
        if self._began_us and self.session:
            yield self._teller.turn_span(
                self._began_us, self._last_us, self._prompt, self._response
            )

    def _count(self, info: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        used, last = info.get("total_token_usage"), inner(info, "last_token_usage")
        if not last or used == self._used:
            return
        self._used = used
        # A session that was forked off another begins with that one's turns, under their names.
        of = self._turn_id or self.session
        key = f"{of} {count_of(inner(info, 'total_token_usage').get('total_tokens'))}"
        yield self._teller.model_span(
            Called(key=key, window_us=(self._asked_us or when_us, when_us)),
            model=self._model,
            usage=_usage(last),
            parts=self._parts,
            **{"gen_ai.provider.name": PROVIDER},
        )
        self._parts, self._asked_us = [], when_us

    def _item(self, payload: dict[str, Any], when_us: int) -> Iterator[ToldSpan]:
        kind = payload.get("type")
        call_id = text_of(payload.get("call_id"))
        if kind == "message" and payload.get("role") == "assistant":
            text = texts_in(payload.get("content"))
            self._parts.append({"type": "text", "content": text})
        elif kind in _CALLS and call_id and len(self._open) < _OPEN_LIMIT:
            name = text_of(payload.get("name")) or "shell"
            asked = from_json(payload.get("arguments", payload.get("input", payload.get("action"))))
            self._parts.append(
                {"type": "tool_call", "id": call_id, "name": name, "arguments": asked}
            )
            self._open[call_id] = _Call(name=name, arguments=asked, start_us=when_us)
        elif kind in _OUTPUTS and (call := self._open.pop(call_id, None)) is not None:
            output = from_json(payload.get("output"))
            yield self._teller.tool_span(
                Called(key=call_id, window_us=(call.start_us, when_us), error=_failure(output)),
                name=call.name,
                arguments=call.arguments,
                result=output,
            )
            self._asked_us = when_us


def _failure(output: AttributeValue) -> str:
    """Return what a tool said when it failed, "" when it did not."""
    if isinstance(output, str):
        said = _EXIT.search(output[:_HEAD_CHARACTERS])
        return output if said and said[1] != "0" else ""
    if not isinstance(output, dict):
        return ""
    exit_code = inner(output, "metadata").get("exit_code")
    if output.get("success") is not False and exit_code in (None, 0):
        return ""
    return text_of(output.get("output")) or text_of(output.get("content")) or f"exit {exit_code}"


def _usage(used: dict[str, Any]) -> TokenUsage:
    """Return the counts; OpenAI's input holds what the cache gave and took."""
    read = count_of(used.get("cached_input_tokens"))
    write = count_of(used.get("cache_write_input_tokens"))
    whole = count_of(used.get("input_tokens"))
    return TokenUsage(
        input=None if whole is None else max(whole - (read or 0) - (write or 0), 0),
        cache_read=read,
        cache_write=write,
        output=count_of(used.get("output_tokens")),
        reasoning=count_of(used.get("reasoning_output_tokens")),
    )
