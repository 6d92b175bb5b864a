"""Sessions of Claude Code: what the user corrected, wished for and decided, and nothing else.

A transcript is mostly the model's own words, results of tools and text put in by the program:
none of that is a memory. Of what the user typed, a sentence is taken only where it reads like
one, by the rules below; each is a candidate, tagged so.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.model.times import parse_time_us

LEAST_CHARACTERS: Final = 12
MOST_CHARACTERS: Final = 600
# A message longer than this was pasted, not typed.
MESSAGE_MOST_CHARACTERS: Final = 20_000
CANDIDATE: Final = "candidate"

_FENCED: Final = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
# Reminders, commands and their output, files opened in the editor: put in by the program.
_PUT_IN: Final = re.compile(r"<([a-z][\w-]*)(?:\s[^>]*)?>.*?</\1>", re.DOTALL)
_NOT_TYPED: Final = (
    "Caveat: The messages below",
    "This session is being continued",
    "[Request interrupted",
    "[Image",
    "Base directory for this skill",
    "API Error",
)
_SENTENCE: Final = re.compile(r"[^\n.!?]+(?:[.!?](?=\S)[^\n.!?]*)*[.!?]*")
_LEAD: Final = r"^(?:and|but|also|please|ok|okay|so|hey|no|nope|stop|actually|wait|hmm|,|-|\s)*"
_RULES: Final = (
    (
        MemoryKind.DECISION,
        (
            r"\b(?:we(?:'ve| have)? (?:decided|agreed|settled)|let'?s (?:go with|stick (?:with|to))"
            r"|(?:the )?decision(?: is|:)|we(?:'ll| will| are going to) (?:use|keep|go with|switch))\b"
        ),
    ),
    (
        MemoryKind.FACT,
        (
            r"\b(?:remember(?: that|:)|keep in mind|for (?:the )?(?:future|record)|note that|fyi"
            r"|don'?t forget|do not forget)"
        ),
    ),
    (
        MemoryKind.PREFERENCE,
        _LEAD
        + r"(?:always|never|do not|don'?t|avoid|prefer|make sure|from now on|use .+ instead)\b",
    ),
    (
        MemoryKind.PREFERENCE,
        (
            r"\b(?:i (?:prefer|want you to always|always|never|don'?t (?:want|like))"
            r"|(?:you|we) (?:should|must|have to) (?:always|never)|we (?:always|never|prefer|don'?t)"
            r"|must never|must always|from now on|in (?:the )?future,|instead of|rather than)\b"
        ),
    ),
    (
        MemoryKind.PREFERENCE,
        (
            r"^\s*(?:no|nope|wrong|actually|stop|that'?s (?:wrong|not right|incorrect))[,.:;!]?\s+\S.*"
            r"\b(?:use|uses|is|are|not|should|must|need|needs|run|call|goes|put|name)\b"
        ),
    ),
)
_KINDS: Final = tuple((kind, re.compile(rule, re.IGNORECASE)) for kind, rule in _RULES)
# Begins like an order and is none.
_IDLE: Final = re.compile(
    _LEAD
    + r"(?:don'?t|do not) (?:worry|bother|know|think|see|understand|mind|care|have|get|need)\b"
    r"|^\s*never ?mind\b",
    re.IGNORECASE,
)


class _Message(msgspec.Struct):
    role: str = ""
    content: Any = ""


class _Entry(msgspec.Struct):
    type: str = ""
    message: _Message | None = None
    uuid: str = ""
    timestamp: str = ""
    cwd: str = ""
    session_id: str = msgspec.field(name="sessionId", default="")
    branch: str | None = msgspec.field(name="gitBranch", default=None)
    is_meta: bool = msgspec.field(name="isMeta", default=False)
    is_sidechain: bool = msgspec.field(name="isSidechain", default=False)
    is_summary: bool = msgspec.field(name="isCompactSummary", default=False)
    tool_result: Any = msgspec.field(name="toolUseResult", default=None)


_decoder: Final = msgspec.json.Decoder(_Entry)


def is_transcript_line(data: bytes) -> bool:
    """Say whether a line is of a session of Claude Code."""
    try:
        known = msgspec.json.decode(data, type=dict[str, Any])
    except UNDECODABLE:
        return False
    return "type" in known and bool({"sessionId", "leafUuid", "parentUuid"} & known.keys())


def parse_transcript_line(data: bytes) -> Iterator[FoundMemory]:
    """Yield what a line holds that the user wanted kept, most often nothing.

    Raises:
        InputError: It is no JSON object.
    """
    try:
        entry = _decoder.decode(data)
    except UNDECODABLE as error:
        raise InputError("cannot read the line", why=str(error)[:200]) from error
    if not _is_typed(entry):
        return
    assert entry.message is not None
    for number, (kind, sentence) in enumerate(_candidates(_typed_text(entry.message.content))):
        yield FoundMemory(
            content=sentence,
            key=f"{entry.uuid}#{number}" if entry.uuid else "",
            kind=kind,
            tags=(CANDIDATE,),
            author="user",
            session=entry.session_id,
            folder=entry.cwd,
            when_us=_moment_us(entry.timestamp),
            metadata={"source": "claude-code", "message": entry.uuid, "branch": entry.branch or ""},
        )


def _is_typed(entry: _Entry) -> bool:
    return (
        entry.type == "user"
        and entry.message is not None
        and entry.message.role == "user"
        and entry.tool_result is None
        and not (entry.is_meta or entry.is_sidechain or entry.is_summary)
    )


def _typed_text(content: Any) -> str:
    """Return what the user typed of a message: its texts, without what was put in."""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
    texts = [
        part["text"]
        for part in parts
        if isinstance(part, dict)
        and part.get("type") == "text"
        and isinstance(part.get("text"), str)
    ]
    typed = [text for text in texts if not text.lstrip().startswith(_NOT_TYPED)]
    text = _PUT_IN.sub("", _FENCED.sub("", "\n".join(typed)))
    return text if len(text) <= MESSAGE_MOST_CHARACTERS else ""


def _candidates(text: str) -> Iterator[tuple[MemoryKind, str]]:
    for found in _SENTENCE.finditer(text):
        sentence = found[0].strip().lstrip("-*>• \t")
        is_question = sentence.endswith("?")
        if LEAST_CHARACTERS <= len(sentence) <= MOST_CHARACTERS and not is_question:
            kind = _kind_of(sentence)
            if kind is not None:
                yield kind, sentence


def _kind_of(sentence: str) -> MemoryKind | None:
    if _IDLE.search(sentence):
        return None
    return next((kind for kind, rule in _KINDS if rule.search(sentence)), None)


def _moment_us(timestamp: str) -> int | None:
    try:
        return parse_time_us(timestamp) if timestamp else None
    except InputError:
        return None
