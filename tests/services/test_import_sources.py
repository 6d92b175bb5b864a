from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.found_memory import FoundMemory, SourceKind
from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.model.memory_lines import LINE_LIMIT_BYTES, Arrival
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.export_files import write_pages
from flowtrace_mcp.services.export_memories import export_pages, open_export
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.import_memories import Imported, ImportRequest, import_memories
from flowtrace_mcp.services.import_sources import Problem, detect_source, read_source
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember

DATA = Path(__file__).parents[1] / "data" / "importers"
# As mcp-memory-service makes it.
SERVICE_TABLE = """
    CREATE TABLE memories (
        id INTEGER PRIMARY KEY AUTOINCREMENT, content_hash TEXT UNIQUE NOT NULL,
        content TEXT NOT NULL, tags TEXT, memory_type TEXT, metadata TEXT, created_at REAL,
        updated_at REAL, created_at_iso TEXT, updated_at_iso TEXT, deleted_at REAL DEFAULT NULL)
"""


@pytest.fixture
def service_file(tmp_path: Path) -> Path:
    path = tmp_path / "sqlite_vec.db"
    connection = apsw.Connection(str(path))
    connection.execute(SERVICE_TABLE)
    for content, deleted in (("Retries three times", None), ("Gone by now", 1_780_000_001.5)):
        connection.execute(
            "INSERT INTO memories (content_hash, content, tags, created_at, deleted_at)"
            " VALUES (?, ?, 'api', 1780000000.0, ?)",
            (content[:4], content, deleted),
        )
    connection.close()
    return path


def take_in(context: Context, path: Path, caller: Caller, **more: object) -> Imported:
    return import_memories(context, ImportRequest(path=path, **more), caller)  # type: ignore[arg-type]  # any field


def problems(path: Path, kind: SourceKind) -> list[Problem]:
    return [item for item, _ in read_source(path, kind) if isinstance(item, Problem)]


def test_a_source_is_told_by_what_is_in_it(
    context: Context, service_file: Path, tmp_path: Path
) -> None:
    write_pages(tmp_path / "pages", export_pages(open_export(context, None)))
    (tmp_path / "x.jsonl").write_bytes(b'{"type":"flowtrace-export","version":1}\n')
    sessions = tmp_path / "projects" / "-home-ada-shop"
    sessions.mkdir(parents=True)
    (sessions / "s.jsonl").write_bytes(
        b'{"type":"file-history-snapshot","messageId":"m"}\n'
        + (DATA / "claude-code.jsonl").read_bytes()
    )
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "AGENTS.md").write_bytes((DATA / "CLAUDE.md").read_bytes())

    kinds = {
        SourceKind.FLOWTRACE: [tmp_path / "pages", tmp_path / "x.jsonl"],
        SourceKind.SERVER_MEMORY: [DATA / "server-memory.jsonl"],
        SourceKind.TRANSCRIPTS: [DATA / "claude-code.jsonl", tmp_path / "projects"],
        SourceKind.BASIC_MEMORY: [
            DATA / "basic-memory",
            DATA / "basic-memory" / "order-service.md",
        ],
        SourceKind.NOTES: [DATA / "CLAUDE.md", notes],
        SourceKind.MEMORY_SERVICE: [service_file],
    }

    assert {kind: set(map(detect_source, paths)) for kind, paths in kinds.items()} == {
        kind: {kind} for kind in kinds
    }


def test_what_is_none_of_them_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"\x00\x01")
    (tmp_path / "empty").mkdir()

    for path in (tmp_path / "a.bin", tmp_path / "empty", tmp_path / "missing"):
        with pytest.raises(InputError) as refused:
            detect_source(path)
        assert refused.value.mend


@pytest.mark.parametrize(
    ("name", "count"),
    [("server-memory.jsonl", 7), ("CLAUDE.md", 6), ("basic-memory", 7), ("claude-code.jsonl", 4)],
)
def test_a_foreign_source_arrives_once_however_often_it_is_read(
    context: Context, caller: Caller, name: str, count: int
) -> None:
    first = take_in(context, DATA / name, caller)
    again = take_in(context, DATA / name, caller)

    assert (first.arrivals, first.problem_count) == ({Arrival.NEW: count}, 0)
    assert again.arrivals == {Arrival.KNOWN: count}


def test_rows_of_a_memory_store_arrive_with_their_time_and_the_deleted_retired(
    context: Context, caller: Caller, service_file: Path
) -> None:
    told = take_in(context, service_file, caller)

    found = recall(context, RecallRequest(query="how often retries"), caller).memories
    assert told.arrivals == {Arrival.NEW: 2}
    assert [(row.text, row.when, row.memory.tags) for row in found] == [
        ("Retries three times", "2026-05-28", ("api",))
    ]
    gone = recall(context, RecallRequest(query="gone by now"), caller).memories
    before = RecallRequest(query="gone by now", as_of=1_780_000_001_000_000)
    assert gone == ()
    assert [row.text for row in recall(context, before, caller).memories] == ["Gone by now"]


def test_a_note_is_found_by_the_heading_above_it(context: Context, caller: Caller) -> None:
    take_in(context, DATA / "CLAUDE.md", caller)

    found = recall(context, RecallRequest(query="what is our style"), caller).memories

    assert {"Tabs, not spaces", "No mocks"} <= {row.text for row in found}


def test_what_a_session_says_goes_to_the_project_of_its_folder(
    context: Context, caller: Caller
) -> None:
    take_in(context, DATA / "claude-code.jsonl", caller)

    assert [one.identity for one in context.store.list_projects()] == ["folder:/home/ada/shop"]


def test_what_another_program_wrote_may_be_taken_as_global(
    context: Context, caller: Caller, stranger: Caller
) -> None:
    take_in(context, DATA / "CLAUDE.md", caller, scope=ScopeName.GLOBAL)

    found = recall(context, RecallRequest(query="no mocks"), stranger).memories
    assert [row.text for row in found] == ["No mocks"]


def test_a_text_that_is_here_is_not_stored_twice_and_a_forgotten_one_not_again(
    context: Context, caller: Caller, tmp_path: Path
) -> None:
    (tmp_path / "NOTES.md").write_text("- We use ruff\n- We use black\n- We use mypy\n", "utf-8")
    remember(context, RememberRequest(content="We use ruff"), caller)
    gone = remember(context, RememberRequest(content="We use black"), caller)
    forget(context, ForgetRequest(id=gone.id), caller)

    told = take_in(context, tmp_path / "NOTES.md", caller)

    assert told.arrivals == {Arrival.KNOWN: 2, Arrival.NEW: 1}


def test_what_cannot_be_read_is_told_by_its_place_and_the_rest_is_read(tmp_path: Path) -> None:
    graph = tmp_path / "graph.jsonl"
    graph.write_bytes(
        b'{"type":"entity","name":"a"}\nbad\n'
        + b"x" * (LINE_LIMIT_BYTES + 10)
        + b'\n{"type":"entity","name":"b"}'
    )
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "a.md").write_bytes(b"caf\xe9")
    (notes / "b.md").write_text("fine", "utf-8")

    items = [item for item, _ in read_source(graph, SourceKind.SERVER_MEMORY)]

    assert [item.content for item in items if isinstance(item, FoundMemory)] == ["a", "b"]
    assert [one.place for one in problems(graph, SourceKind.SERVER_MEMORY)] == [
        "graph.jsonl:2",
        "graph.jsonl:3",
    ]
    assert problems(notes, SourceKind.NOTES) == [Problem(place="a.md", why="byte 3 is not UTF-8")]


def test_a_page_of_an_export_among_notes_is_that_memory(
    make_context: Callable[..., Context], caller: Caller, tmp_path: Path
) -> None:
    context = make_context()
    kept = remember(context, RememberRequest(content="# Title\n\n- a\n- b"), caller)
    write_pages(tmp_path / "pages", export_pages(open_export(context, None)))
    (page,) = (tmp_path / "pages").rglob("*.md")
    other = make_context(FLOWTRACE_DB_PATH=str(tmp_path / "other.db"))

    told = take_in(other, page, caller)

    assert told.arrivals == {Arrival.NEW: 1}
    assert other.store.memories.find_memory(kept.id) is not None


def test_a_path_that_is_not_there_is_refused_whatever_it_is_called(
    context: Context, caller: Caller, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="missing"):
        take_in(context, tmp_path / "missing", caller, source=SourceKind.NOTES)
