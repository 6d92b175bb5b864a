"""What is found in files that other programs wrote."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.ingest.importers.basic_memory import is_basic_note, parse_basic_note
from flowtrace_mcp.ingest.importers.claude_transcripts import (
    is_transcript_line,
    parse_transcript_line,
)
from flowtrace_mcp.ingest.importers.memory_service import parse_service_row
from flowtrace_mcp.ingest.importers.notes import parse_notes
from flowtrace_mcp.ingest.importers.server_memory import parse_graph_line
from flowtrace_mcp.model.found_memory import FoundMemory
from flowtrace_mcp.model.memory import MemoryKind
from flowtrace_mcp.model.times import parse_time_us

DATA = Path(__file__).parents[2] / "data" / "importers"


def lines(name: str) -> list[bytes]:
    return (DATA / name).read_bytes().splitlines()


def texts(found: Iterator[FoundMemory]) -> list[str]:
    return [one.content for one in found]


def said(text: str) -> list[tuple[str, MemoryKind]]:
    """Return what is taken of a message that the user typed."""
    line = {"type": "user", "message": {"role": "user", "content": text}, "sessionId": "s"}
    return [(one.content, one.kind) for one in parse_transcript_line(msgspec.json.encode(line))]


class TestServerMemory:
    def test_an_observation_names_its_entity_and_a_relation_both_of_its_ends(self) -> None:
        found = [one for line in lines("server-memory.jsonl") for one in parse_graph_line(line)]

        assert [one.content for one in found] == [
            "order-service: Runs Postgres 16",
            "order-service: Owned by the platform team\nsince May",
            "order-service: Retries three times: größer 🎉",
            "Ada: Prefers small commits",
            "staging (environment)",
            "Ada maintains order-service",
            "order-service is deployed to staging",
        ]
        assert (found[0].tags, found[0].aliases) == (("service",), ("order-service",))
        assert (found[5].tags, found[5].aliases) == (("relation",), ("Ada", "order-service"))

    @pytest.mark.parametrize("line", [b"{}", b"x", b'{"type":"entity"}', b'{"type":"song"}'])
    def test_a_line_that_is_neither_is_refused(self, line: bytes) -> None:
        with pytest.raises(InputError, match="cannot read the line"):
            list(parse_graph_line(line))


class TestNotes:
    def test_bullets_and_paragraphs_are_memories_word_for_word(self) -> None:
        found = list(parse_notes((DATA / "CLAUDE.md").read_text("utf-8"), "CLAUDE.md"))

        assert [one.content for one in found] == [
            "One service for orders, one for stock.\nBoth speak gRPC.",
            "run `make test`\nbefore every commit\n- and `make lint` after it",
            "measure the cold start",
            "Deploy like this:\n```sh\n# not a heading\nmake ship\n\n- not a bullet\n```",
            "Tabs, not spaces",
            "No mocks",
        ]
        assert found[0].tags == ("shop",)
        assert found[-1].tags == ("shop", "build-test", "style")
        assert found[-1].aliases == ("Shop", "Build & Test", "Style")
        assert found[-1].metadata == {"source": "CLAUDE.md"}

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("", []),
            ("# Only\n## Headings\n", []),
            ("plain", ["plain"]),
            ("a\r\nb\r\n\r\nc\r\n", ["a\nb", "c"]),
            ("```\nnever closed\n\n# x", ["```\nnever closed\n\n# x"]),
            ("- a\n\n  still a\n\nb", ["a\n\nstill a", "b"]),
            ("- a\n\n```\ncode\n```", ["a", "```\ncode\n```"]),
            ("* a\n* b\n---\n+ c", ["a", "b", "c"]),
            ("~~~\n```\n~~~\nx", ["~~~\n```\n~~~\nx"]),
        ],
    )
    def test_blocks_end_where_markdown_ends_them(self, text: str, found: list[str]) -> None:
        assert texts(parse_notes(text, "n")) == found


class TestBasicMemory:
    def test_observations_relations_and_prose_are_memories(self) -> None:
        text = (DATA / "basic-memory" / "order-service.md").read_text("utf-8")

        found = list(parse_basic_note(text, "order-service.md"))

        assert is_basic_note(text)
        assert [(one.content, one.kind) for one in found] == [
            ("Keep Postgres 16 for advisory locks #database (asked in May)", MemoryKind.DECISION),
            ("The clock of the job goes back #jobs", MemoryKind.GOTCHA),
            ("Order service maintained by Ada", MemoryKind.FACT),
            ("Order service relates to Stock service", MemoryKind.FACT),
            ("It takes orders and tells the stock.", MemoryKind.NOTE),
            ("[00:00:11] said in a call", MemoryKind.NOTE),
            ("not an observation", MemoryKind.NOTE),
        ]
        assert found[0].tags == ("decision", "database", "services", "backend")
        assert found[0].aliases == ("Order service",)
        assert found[0].metadata == {"source": "basic-memory/services/order-service"}

    def test_tags_may_stand_on_one_line(self) -> None:
        text = "---\ntitle: 'T'\npermalink: t\ntags: [a, \"b\"]\n---\n- [tip] Do it\n"

        (found,) = parse_basic_note(text, "t.md")

        assert found.tags == ("tip", "a", "b")

    def test_a_note_without_a_permalink_is_none(self) -> None:
        assert not is_basic_note("# permalink: no\n")


class TestTranscripts:
    def test_only_what_the_user_corrected_wished_or_decided_is_taken(self) -> None:
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
        ],
    )
    def test_a_sentence_that_is_to_be_kept_is_taken(self, text: str, kind: MemoryKind) -> None:
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
    def test_anything_else_is_not(self, text: str) -> None:
        assert said(text) == []

    def test_a_line_is_known_by_its_session(self) -> None:
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
    def test_a_message_of_another_shape_holds_nothing(self, line: bytes) -> None:
        assert list(parse_transcript_line(line)) == []

    def test_a_broken_line_is_refused(self) -> None:
        with pytest.raises(InputError, match="cannot read the line"):
            list(parse_transcript_line(b'{"type":"user",'))


class TestMemoryService:
    def test_a_row_is_a_memory_with_its_tags_time_and_metadata(self) -> None:
        found = parse_service_row(
            {
                "content_hash": "ab12",
                "content": "Retries three times",
                "tags": "api, retries,",
                "memory_type": "learning",
                "metadata": '{"hostname": "box"}',
                "created_at": 1_795_000_000.25,
                "deleted_at": None,
            }
        )

        assert found == FoundMemory(
            content="Retries three times",
            key="ab12",
            kind=MemoryKind.FACT,
            tags=("api", "retries"),
            when_us=1_795_000_000_250_000,
            metadata={"hostname": "box", "source": "mcp-memory-service"},
        )

    def test_a_deleted_or_replaced_row_arrives_retired(self) -> None:
        row = {"content": "x", "created_at": 1_795_000_000.0}

        deleted = parse_service_row({**row, "deleted_at": 1_795_000_001.0})
        replaced = parse_service_row({**row, "superseded_by": "cd34"})

        assert deleted.retired_us == 1_795_000_001_000_000
        assert replaced.retired_us == 1_795_000_000_000_000

    def test_odd_values_are_kept_or_passed_over(self) -> None:
        found = parse_service_row(
            {
                "content": "x",
                "tags": '["a", "b"]',
                "memory_type": "Recipe",
                "metadata": "not json",
                "created_at": 1e30,
            }
        )

        assert found.tags == ("a", "b", "recipe")
        assert found.metadata == {"metadata": "not json", "source": "mcp-memory-service"}
        assert found.when_us is None

    @pytest.mark.parametrize("content", [None, "", " ", b"x"])
    def test_a_row_without_text_is_refused(self, content: object) -> None:
        with pytest.raises(InputError, match="no text"):
            parse_service_row({"content": content})
