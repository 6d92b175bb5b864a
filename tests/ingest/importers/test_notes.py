from collections.abc import Iterator
from pathlib import Path

import pytest

from flowtrace_mcp.ingest.importers.notes import parse_notes
from flowtrace_mcp.model.found_memory import FoundMemory

DATA = Path(__file__).parents[2] / "data" / "importers"


def texts(found: Iterator[FoundMemory]) -> list[str]:
    return [one.content for one in found]


def test_bullets_and_paragraphs_are_memories_word_for_word() -> None:
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
def test_blocks_end_where_markdown_ends_them(text: str, found: list[str]) -> None:
    assert texts(parse_notes(text, "n")) == found
