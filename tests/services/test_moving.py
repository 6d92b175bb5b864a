"""Memories that leave one file and arrive in another."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.found_memory import SourceKind
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory import MemoryKind, ScopeName
from flowtrace_mcp.model.memory_lines import Arrival, MemoryLine, decode_line, encode_line
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.services import import_memories as importing
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.export_files import write_lines, write_pages
from flowtrace_mcp.services.export_memories import (
    export_lines,
    export_pages,
    open_export,
    without_secrets,
)
from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.services.history import history
from flowtrace_mcp.services.import_memories import Imported, ImportRequest, import_memories
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from tests.strategies import memory_lines

Files = Callable[[], Context]
SECRET = "AKIA" + "ABCDEFGHIJKLMNOP"


@pytest.fixture
def new_file(make_context: Callable[..., Context], tmp_path: Path) -> Callable[[], Context]:
    """Return a function that opens an empty file."""
    count = 0

    def make() -> Context:
        nonlocal count
        count += 1
        return make_context(FLOWTRACE_DB_PATH=str(tmp_path / f"{count}.db"))

    return make


@pytest.fixture
def lived(new_file: Callable[[], Context], caller: Caller) -> Context:
    """A file with a history: versions, a forgotten memory, tags that came later, a global one."""
    context = new_file()
    for request in (
        RememberRequest(content="Staging runs on alpha", topic="staging", files=["deploy/a.yml"]),
        RememberRequest(content="Staging runs on beta", topic="staging", author="Ada"),
        RememberRequest(content="The API speaks gRPC\n\n---\nsince May\r\n", tags=["api"]),
        RememberRequest(content="The API speaks gRPC\n\n---\nsince May\r\n", tags=["rpc"]),
        RememberRequest(content="Ada prefers tabs", scope=ScopeName.GLOBAL, aliases=["tabs"]),
        RememberRequest(content="This branch renames it", scope=ScopeName.BRANCH),
        RememberRequest(content="odd \x00 text \ud800 🎉", metadata={"b": [1, None], "a": 1.5}),
        RememberRequest(content="true for a year", valid_from="2026-01-01", valid_to="2027-01-01"),
    ):
        remember(context, request, caller)
    gone = remember(context, RememberRequest(content="Forgotten by now"), caller)
    forget(context, ForgetRequest(id=gone.id, reason="wrong"), caller)
    return context


@pytest.fixture
def elsewhere() -> Caller:
    return Caller(project=ProjectIdentity(identity="name:elsewhere", name="elsewhere"))


def exported(context: Context, project: ProjectIdentity | None = None) -> bytes:
    return b"".join(export_lines(open_export(context, project)))


def take_in(context: Context, path: Path, caller: Caller, **more: object) -> Imported:
    return import_memories(context, ImportRequest(path=path, **more), caller)  # type: ignore[arg-type]  # any field


def saved(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("is_folder", [False, True], ids=["lines", "pages"])
def test_what_arrives_in_an_empty_file_leaves_it_byte_by_byte_the_same(
    lived: Context, new_file: Files, elsewhere: Caller, tmp_path: Path, is_folder: bool
) -> None:
    before, path = exported(lived), tmp_path / "export"
    if is_folder:
        write_pages(path, export_pages(open_export(lived, None)))
    else:
        write_lines(path, export_lines(open_export(lived, None)))
    other = new_file()

    told = take_in(other, path, elsewhere)

    assert exported(other) == before
    assert told.arrivals == {Arrival.NEW: 8}
    assert (told.links, told.loose_links, told.problem_count) == (1, 0, 0)


def test_an_export_holds_every_column_of_a_memory(lived: Context) -> None:
    derived = {"memory_key", "handle", "content_hash", "memory_id", "project_id"}
    with lived.store._database.reading() as reader:
        columns = {row[1] for row in reader.execute("PRAGMA table_info(memories)")}

    assert columns - derived <= set(MemoryLine.__struct_fields__)


@pytest.mark.parametrize("is_folder", [False, True], ids=["lines", "pages"])
def test_arriving_twice_changes_nothing(
    lived: Context, elsewhere: Caller, tmp_path: Path, is_folder: bool
) -> None:
    before, path = exported(lived), tmp_path / "export"
    if is_folder:
        write_pages(path, export_pages(open_export(lived, None)))
    else:
        saved(path, before)

    told = take_in(lived, path, elsewhere)

    assert told.arrivals == {Arrival.KNOWN: 8}
    assert exported(lived) == before


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(memory_lines(), max_size=4, unique_by=lambda line: line.id),
    is_folder=st.booleans(),
)
def test_any_memory_survives_the_way(
    new_file: Files,
    elsewhere: Caller,
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[MemoryLine],
    is_folder: bool,
) -> None:
    folder = tmp_path_factory.mktemp("moving")
    whole = [line for line in lines if line.content.strip()]
    first = saved(folder / "first", b"".join(map(encode_line, whole)))
    path = folder / "export"
    one, two = new_file(), new_file()

    told = take_in(one, first, elsewhere, source=SourceKind.FLOWTRACE)
    if is_folder:
        write_pages(path, export_pages(open_export(one, None)))
    else:
        write_lines(path, export_lines(open_export(one, None)))
    take_in(two, path, elsewhere)

    assert told.arrivals[Arrival.NEW] == len(whole)
    assert exported(two) == exported(one)
    assert memories_of(one) == sorted(
        (without_secrets(line, Redactor()) for line in whole), key=lambda line: line.id
    )


def memories_of(context: Context) -> list[MemoryLine]:
    lines = [decode_line(data) for data in exported(context).splitlines(keepends=True)]
    return [line for line in lines if isinstance(line, MemoryLine)]


def test_what_arrives_where_others_are_stands_beside_them(
    lived: Context, new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    other = new_file()
    own = remember(other, RememberRequest(content="The cache is Redis"), caller)

    take_in(other, saved(tmp_path / "x.jsonl", exported(lived)), caller)

    assert len(memories_of(other)) == 9
    assert other.store.memories.find_memory(own.id) is not None
    found = recall(other, RecallRequest(query="where does staging run"), caller)
    assert found.memories[0].text == "Staging runs on beta"


def test_what_another_machine_learned_of_a_memory_is_taken_over(
    new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    here, there = new_file(), new_file()
    note = RememberRequest(content="The API speaks gRPC", tags=["api"])
    told = remember(here, note, caller)
    take_in(there, saved(tmp_path / "1", exported(here)), caller)
    remember(there, RememberRequest(content=note.content, aliases=["rpc layer"]), caller)
    forget(there, ForgetRequest(id=told.id, reason="it is REST now"), caller)

    back = take_in(here, saved(tmp_path / "2", exported(there)), caller)
    again = take_in(here, tmp_path / "2", caller)

    memory = here.store.memories.find_memory(told.id)
    assert memory is not None
    assert back.arrivals == {Arrival.UPDATED: 1}
    assert again.arrivals == {Arrival.KNOWN: 1}
    assert (memory.retraction, memory.seen_count) == ("it is REST now", 2)
    assert (memory.tags, memory.aliases) == (("api",), ("rpc layer",))


def test_another_text_under_a_known_id_is_refused(
    lived: Context, caller: Caller, tmp_path: Path
) -> None:
    before = exported(lived)
    changed = before.replace(b"Ada prefers tabs", b"Ada prefers spaces")

    told = take_in(lived, saved(tmp_path / "x", changed), caller)

    assert told.problem_count == 1
    assert "another text" in told.problems[0].why
    assert exported(lived) == before


def test_bad_lines_are_told_by_number_and_the_others_are_taken(
    lived: Context, new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    lines = exported(lived).splitlines(keepends=True)
    lines[3:3] = [b"not json\n", b"\n", b'{"type":"memory","id":"00"}\n', b"\xff\n"]
    other = new_file()

    told = take_in(other, saved(tmp_path / "x.jsonl", b"".join(lines)), caller)

    assert told.arrivals[Arrival.NEW] == 8
    assert [problem.place for problem in told.problems] == ["x.jsonl:4", "x.jsonl:6", "x.jsonl:7"]


def test_a_link_of_an_unknown_kind_is_refused_and_history_goes_on(
    lived: Context, new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    other = new_file()
    strange = exported(lived).replace(b'"relation":"supersedes"', b'"relation":"related to"')

    told = take_in(other, saved(tmp_path / "x.jsonl", strange), caller)

    assert (told.links, told.problem_count) == (0, 1)
    for memory in memories_of(other):
        assert history(other, memory_handle(bytes.fromhex(memory.id)), caller)


def test_what_does_not_fit_is_refused_and_told(
    new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    context = new_file()
    good = memories_after(context, caller, "fine")
    bad = [
        msgspec.structs.replace(good, id="11" * 16, content=" "),
        msgspec.structs.replace(good, id="22" * 16, content="x" * 100_001),
        msgspec.structs.replace(good, id="33" * 16, project=""),
        msgspec.structs.replace(good, id="44" * 16, metadata={"a": "x" * 20_000}),
        msgspec.structs.replace(good, id="55" * 16, valid_from_us=2**62),
        msgspec.structs.replace(good, id="66" * 16, lapses=((0, 1, "never"),)),
    ]
    path = saved(tmp_path / "x", b"".join(map(encode_line, bad)))

    told = take_in(context, path, caller, source=SourceKind.FLOWTRACE)

    assert told.problem_count == len(bad)
    assert told.arrivals == {}


def memories_after(context: Context, caller: Caller, content: str) -> MemoryLine:
    remember(context, RememberRequest(content=content), caller)
    return memories_of(context)[-1]


def test_an_import_that_broke_off_is_taken_up_by_running_it_again(
    lived: Context, new_file: Files, caller: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BATCH_MEMORIES", 3)
    path, other = saved(tmp_path / "x", exported(lived)), new_file()

    with pytest.raises(KeyboardInterrupt):
        import_memories(other, ImportRequest(path=path), caller, break_off)
    assert len(memories_of(other)) == 3
    told = take_in(other, path, caller)

    assert told.arrivals == {Arrival.KNOWN: 3, Arrival.NEW: 5}
    assert exported(other) == exported(lived)


def break_off(_share: float) -> None:
    raise KeyboardInterrupt


def test_a_dry_run_says_what_would_come_and_stores_nothing(
    lived: Context, new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    other = new_file()

    told = take_in(other, saved(tmp_path / "x", exported(lived)), caller, is_dry_run=True)

    assert told.arrivals == {Arrival.NEW: 8}
    assert memories_of(other) == []
    assert other.store.list_projects() == []


def test_secrets_go_on_the_way_out_and_on_the_way_in(
    new_file: Files, make_context: Callable[..., Context], caller: Caller, tmp_path: Path
) -> None:
    one, other = new_file(), new_file()
    remember(one, RememberRequest(content="Blue Heron pays", tags=["heron"]), caller)
    listing = make_context(
        FLOWTRACE_DB_PATH=str(one.settings.db_path), FLOWTRACE_REDACT="heron\npays"
    )
    path = saved(tmp_path / "x", exported(one).replace(b"pays", SECRET.encode()))

    told = take_in(other, path, caller)

    assert b"eron" not in exported(listing)
    assert told.redactions == 1
    assert SECRET.encode() not in exported(other)


def test_one_project_leaves_alone_and_all_of_it_may_arrive_in_another(
    lived: Context, new_file: Files, caller: Caller, stranger: Caller, tmp_path: Path
) -> None:
    remember(lived, RememberRequest(content="Of another project"), stranger)
    path = saved(tmp_path / "x", exported(lived, caller.project))
    other = new_file()

    take_in(other, path, caller, project=ProjectIdentity(identity="name:new", name="new"))

    assert {line.project for line in memories_of(other)} == {"name:new"}
    assert len(memories_of(other)) == 7
    with pytest.raises(NotFoundError):
        exported(lived, ProjectIdentity(identity="name:none", name="none"))


def test_projects_of_one_name_have_folders_of_their_own(
    new_file: Files, caller: Caller, tmp_path: Path
) -> None:
    context = new_file()
    for identity in ("git:a/shop", "git:b/shop"):
        whose = Caller(project=ProjectIdentity(identity=identity, name="sh/op"))
        remember(context, RememberRequest(content=f"of {identity}"), whose)

    paths = [page.path for page in export_pages(open_export(context, None))]

    assert [path.split("/")[:2] for path in paths[1:]] == [["sh-op", "note"], ["sh-op-2", "note"]]


def test_a_page_reads_well(new_file: Files, caller: Caller) -> None:
    context = new_file()
    told = remember(
        context, RememberRequest(content="Use tabs", kind=MemoryKind.PREFERENCE, tags=["x"]), caller
    )

    _, page = export_pages(open_export(context, None))

    top, _, text = page.data.decode().partition("\n---\n\n")
    assert page.path == f"shop/preference/2026-11-18-{told.id}.md"
    assert text == "Use tabs\n"
    assert 'kind: "preference"' in top
    assert 'tags: ["x"]' in top


def test_an_export_never_writes_over_what_is_there(lived: Context, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.md").write_text("mine", "utf-8")

    with pytest.raises(InputError, match="full"):
        write_pages(tmp_path / "full", export_pages(open_export(lived, None)))
    with pytest.raises(InputError, match="folder"):
        write_lines(tmp_path / "full", [b"x"])

    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.md"]


def test_an_export_that_breaks_off_leaves_nothing_behind(lived: Context, tmp_path: Path) -> None:
    before = saved(tmp_path / "x.jsonl", b"older")
    export = open_export(lived, None, lambda: break_off(0.0))

    for write in (
        lambda: write_lines(before, export_lines(export)),
        lambda: write_pages(tmp_path / "folder", export_pages(export)),
    ):
        with pytest.raises(KeyboardInterrupt):
            write()

    assert before.read_bytes() == b"older"
    assert not (tmp_path / "folder").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
