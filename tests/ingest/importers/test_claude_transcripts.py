from pathlib import Path

import msgspec
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.importers.claude_transcripts import (
    is_transcript_line,
    parse_transcript_line,
)
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.model.times import parse_time_us

DATA = Path(__file__).parents[2] / "data" / "importers"


def lines(name: str) -> list[bytes]:
    return (DATA / name).read_bytes().splitlines()


def said(text: str) -> list[tuple[str, MemoryKind]]:
    """Return what is taken of a message that the user typed."""
    line = {"type": "user", "message": {"role": "user", "content": text}, "sessionId": "s"}
    return [(one.content, one.kind) for one in parse_transcript_line(msgspec.json.encode(line))]


def test_only_what_the_user_corrected_wished_or_decided_is_taken() -> None:
    found = [one for line in lines("claude-code.jsonl") for one in parse_transcript_line(line)]

    assert [(one.content, one.kind) for one in found] == [
        ("No, use pnpm, not npm.", MemoryKind.PREFERENCE),
        ("We decided to keep Postgres 16.", MemoryKind.DECISION),
        ("Please never commit .env files!", MemoryKind.PREFERENCE),
        (
            "Remember that staging listens on port 5433, the key is AKIA_PLACEHOLDER",
            MemoryKind.FACT,
        ),
    ]
    assert {one.author for one in found} == {"user"}
    assert {one.tags for one in found} == {("candidate",)}
    assert found[0].session == "5b1c3a52-0000-4000-8000-000000000001"
    assert found[0].folder == "/home/ada/shop"
    assert found[0].when_us == parse_time_us("2026-11-18T09:00:04Z")
    assert found[0].key == "u-4#0"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Always run the tests first", MemoryKind.PREFERENCE),
        ("ok, but don't ever push to main", MemoryKind.PREFERENCE),
        ("I prefer small commits", MemoryKind.PREFERENCE),
        ("Use ruff instead of black", MemoryKind.PREFERENCE),
        ("actually the API returns a list, it is paginated", MemoryKind.PREFERENCE),
        ("let's go with SQLite then", MemoryKind.DECISION),
        ("Keep in mind: the clock goes back", MemoryKind.FACT),
        ("Always return a List<string> from there", MemoryKind.PREFERENCE),
    ],
)
def test_a_sentence_that_is_to_be_kept_is_taken(text: str, kind: MemoryKind) -> None:
    assert said(f"Fix src/app.ts. {text}. Thanks") == [(f"{text}.", kind)]


@pytest.mark.parametrize(
    "text",
    [
        "Fix the failing test in foo.py",
        "Should we always squash?",
        "I don't know why it fails",
        "don't worry about it at all",
        "never mind, it works now",
        "always",
        "no",
        "<command-args>always do this and that</command-args>",
        "This session is being continued from one that always ran out of context",
        "always " + "x" * 700,
        "",
    ],
)
def test_anything_else_is_not(text: str) -> None:
    assert said(text) == []


def test_a_line_is_known_by_its_session() -> None:
    assert all(map(is_transcript_line, lines("claude-code.jsonl")))
    assert not is_transcript_line(b'{"type":"entity","name":"x"}')
    assert not is_transcript_line(b"# Notes")


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"user","message":{"role":"user","content":null},"sessionId":"s"}',
        b'{"type":"user","message":{"role":"user","content":[1,{"type":"text"}]}}',
        b'{"type":"user","sessionId":"s","timestamp":"yesterday"}',
    ],
)
def test_a_message_of_another_shape_holds_nothing(line: bytes) -> None:
    assert list(parse_transcript_line(line)) == []


def test_a_broken_line_is_refused() -> None:
    with pytest.raises(InputError, match="cannot read the line"):
        list(parse_transcript_line(b'{"type":"user",'))
