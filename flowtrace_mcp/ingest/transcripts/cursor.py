"""Conversations of Cursor: ``~/.cursor/projects/<folder>/agent-transcripts/<id>/<id>.jsonl``.

As documented in 2026: a line has a role and blocks, and neither a time nor tokens nor ids. So all of
a conversation stands at the time that its file was written last, in its order, without durations.
Cursor's hooks tell more, and what they tell is kept in its place.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from flowtrace_mcp.ingest.transcripts.shape import ToldSpan
from flowtrace_mcp.ingest.transcripts.telling import (
    Called,
    Teller,
    blocks_in,
    inner,
    object_in,
    text_of,
    texts_in,
)
from flowtrace_mcp.model.telemetry import AttributeValue

AGENT: Final = "cursor"
_QUERY: Final = re.compile(r"<user_query>\s*(.*?)\s*</user_query>", re.DOTALL)


class CursorReader:
    """Reads one file.

    Args:
        session: The conversation, which the file is named after.
        written_us: When the file was written last.
    """

    def __init__(self, session: str, written_us: int) -> None:
        self._teller = Teller(agent=AGENT, session=session)
        self._now_us = written_us
        self.folder = ""
        self.can_begin_here = False
        self._line = 0
        self._began_us = 0
        self._prompt = self._response = ""

    @property
    def session(self) -> str:
        """Return the conversation that the file is of."""
        return self._teller.session

    def read(self, line: bytes) -> Iterable[ToldSpan]:
        """Return the spans that are told whole with this line."""
        entry = object_in(line)
        self._line += 1
        self._now_us += 1
        content = inner(entry, "message").get("content", entry.get("content"))
        match entry.get("role"):
            case "user":
                told = list(self._turn_so_far())
                text = texts_in(content)
                found = _QUERY.search(text)
                self._teller.turn = f"line {self._line}"
                self._prompt, self._response = found[1] if found else text, ""
                self._began_us = self._now_us
                return told
            case "assistant":
                return list(self._answer(content))
        return []

    def finish(self) -> Iterable[ToldSpan]:
        """Return what is told as far as it goes."""
        return list(self._turn_so_far())

    def _turn_so_far(self) -> Iterator[ToldSpan]:
        if self._began_us:
            yield self._teller.turn_span(self._began_us, self._now_us, self._prompt, self._response)

    def _answer(self, content: Any) -> Iterator[ToldSpan]:
        self._response = texts_in(content) or self._response
        for number, block in enumerate(blocks_in(content)):
            if block.get("type") == "tool_use":
                arguments: AttributeValue = block.get("input")
                name = text_of(block.get("name"))
                if name:
                    yield self._teller.tool_span(
                        Called(
                            key=f"{self.session} {self._line} {number}",
                            window_us=(self._now_us, self._now_us),
                        ),
                        name=name,
                        arguments=arguments,
                        result=None,
                    )
