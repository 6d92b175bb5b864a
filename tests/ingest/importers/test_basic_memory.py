from pathlib import Path

from flowtrace_mcp.ingest.importers.basic_memory import is_basic_note, parse_basic_note
from flowtrace_mcp.model.memory import MemoryKind

DATA = Path(__file__).parents[2] / "data" / "importers"


def test_observations_relations_and_prose_are_memories() -> None:
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


def test_tags_may_stand_on_one_line() -> None:
    text = "---\ntitle: 'T'\npermalink: t\ntags: [a, \"b\"]\n---\n- [tip] Do it\n"

    (found,) = parse_basic_note(text, "t.md")

    assert found.tags == ("tip", "a", "b")


def test_what_stands_behind_a_link_is_kept() -> None:
    head = "---\ntitle: Deploy\npermalink: d\n---\n"
    lines = (
        "- see [[Runbook]] and never run it on Fridays (Anna said so)",
        "- depends on [[A]] and [[B]]",
        "- owned by [[Ops]] (since May)",
    )

    found = [one.content for one in parse_basic_note(head + "\n".join(lines), "d.md")]

    assert sorted(found) == [
        "Deploy owned by Ops (since May)",
        "depends on [[A]] and [[B]]",
        "see [[Runbook]] and never run it on Fridays (Anna said so)",
    ]


def test_a_note_without_a_permalink_is_none() -> None:
    assert not is_basic_note("# permalink: no\n")
