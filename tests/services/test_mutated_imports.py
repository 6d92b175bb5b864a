"""Files broken at random are taken or refused by an error of ours; what is kept can be read."""

import json
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.model.found_memory import SourceKind
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.export_files import write_lines
from flowtrace_mcp.services.export_memories import export_lines, open_export
from flowtrace_mcp.services.import_memories import ImportRequest, import_memories
from flowtrace_mcp.services.import_transcripts import TranscriptImporter, TranscriptsRequest
from flowtrace_mcp.services.list_sessions import SessionFilter, list_sessions
from flowtrace_mcp.services.listing import Window
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.trace_reading import read_session
from flowtrace_mcp.services.transcript_sources import SOURCES
from tests.ingest.transcripts import test_codex as codex
from tests.ingest.transcripts import test_cursor as cursor
from tests.ingest.transcripts import test_gemini as gemini
from tests.mutating import broken

DATA = Path(__file__).parents[1] / "data"
FEW = 60
MANY = 5_000
GROWTH_LIMIT_MIB = 40
# Where an agent keeps its files: the name of one that its source reads.
PLACES = {
    "claude-code": "project/{}.jsonl",
    "codex": "rollout-{}.jsonl",
    "gemini": "chats/session-{}.json",
    "cursor": "agent-transcripts/{}.jsonl",
}


def claude_code() -> list[bytes]:
    return [path.read_bytes() for path in (DATA / "transcripts/claude-code").rglob("*.jsonl")]


def codex_lines() -> list[bytes]:
    said = codex.line(3, "response_item", type="message", role="assistant", content=[{"text": "x"}])
    lines = (codex.META, codex.CONTEXT, codex.STARTED, codex.ASKED, said, codex.counted(4, 1050))
    return [b"\n".join(lines) + b"\n"]


def cursor_lines() -> list[bytes]:
    used = {"type": "tool_use", "name": "read_file", "input": {"path": "a.py"}}
    entries = (
        cursor.said("user", {"type": "text", "text": "<user_query>\nfix\n</user_query>"}),
        cursor.said("assistant", {"type": "text", "text": "Looking."}, used),
    )
    return [b"".join(json.dumps(each).encode() + b"\n" for each in entries)]


SESSIONS: dict[str, Callable[[], list[bytes]]] = {
    "claude-code": claude_code,
    "codex": codex_lines,
    "gemini": lambda: [json.dumps(gemini.WHOLE).encode()],
    "cursor": cursor_lines,
}
NOTES = {
    SourceKind.SERVER_MEMORY: ("memory.jsonl", "importers/server-memory.jsonl"),
    SourceKind.NOTES: ("CLAUDE.md", "importers/CLAUDE.md"),
    SourceKind.TRANSCRIPTS: ("session.jsonl", "importers/claude-code.jsonl"),
    SourceKind.BASIC_MEMORY: ("note.md", "importers/basic-memory/order-service.md"),
}


def exported(context: Context, path: Path, caller: Caller) -> bytes:
    """Return an export of ours."""
    for text in ("The ledger listens on 5433", "Deploys run on Tuesdays", "No ORM in reports"):
        remember(context, RememberRequest(content=text, topic=text[:4], tags=("t",)), caller)
    write_lines(path, export_lines(open_export(context, None)))
    return path.read_bytes()


def take_sessions(context: Context, agent: str, folder: Path, rounds: int, seed: int) -> None:
    """Import so many broken session files of an agent, and read every session that came of it."""
    chance, seeds = random.Random(seed), SESSIONS[agent]()
    for number in range(rounds):
        place = folder / PLACES[agent].format(f"{seed}-{number}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(broken(chance.choice(seeds), chance, seeds))
        request = TranscriptsRequest(source=SOURCES[agent], path=folder)
        TranscriptImporter(context, request, {}).run_once()
        place.unlink()
    window = SessionFilter(window=Window(since_us=0, until_us=2**62))
    for row in list_sessions(context, window, None, 500).items:
        if row.session:
            assert read_session(context, row.session) is not None


def take_memories(
    context: Context,
    caller: Caller,
    source: SourceKind,
    seeds: list[bytes],
    place: Path,
    rounds: int,
) -> int:
    """Import so many broken files; return how many were refused whole."""
    chance, refused = random.Random(rounds), 0
    for _ in range(rounds):
        place.write_bytes(broken(chance.choice(seeds), chance, seeds))
        try:
            import_memories(context, ImportRequest(path=place, source=source), caller)
        except FlowtraceError:
            refused += 1
    return refused


@pytest.mark.parametrize("agent", list(SESSIONS))
def test_broken_session_files_are_read_as_far_as_they_go(
    context: Context, tmp_path: Path, agent: str
) -> None:
    take_sessions(context, agent, tmp_path / "sessions", FEW, 1)


@pytest.mark.parametrize("source", list(NOTES))
def test_broken_memory_files_are_taken_or_refused(
    context: Context, caller: Caller, tmp_path: Path, source: SourceKind
) -> None:
    name, sound = NOTES[source]

    refused = take_memories(
        context, caller, source, [(DATA / sound).read_bytes()], tmp_path / name, FEW
    )

    assert refused < FEW  # the rest of a file with a broken line is taken
    assert list(export_lines(open_export(context, None)))


def test_a_broken_export_is_taken_but_for_its_broken_lines(
    make_context: Callable[..., Context], caller: Caller, tmp_path: Path
) -> None:
    sound = exported(make_context(), tmp_path / "sound.jsonl", caller)
    other = make_context(FLOWTRACE_DB_PATH=str(tmp_path / "other.db"))

    take_memories(other, caller, SourceKind.FLOWTRACE, [sound], tmp_path / "broken.jsonl", FEW * 4)

    assert list(export_lines(open_export(other, None)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_very_many_broken_files_do_not_make_the_importer_grow(
    context: Context, caller: Caller, tmp_path: Path
) -> None:
    """``FUZZ_FILES`` says how many of each sort."""
    rounds = max(8, int(os.environ.get("FUZZ_FILES", MANY)) // 4)
    sound = exported(context, tmp_path / "sound.jsonl", caller)
    peaks = []
    for seed in range(4):
        for agent in SESSIONS:
            take_sessions(context, agent, tmp_path / agent, rounds, seed)
        for source, (name, path) in NOTES.items():
            seeds = [(DATA / path).read_bytes()]
            take_memories(context, caller, source, seeds, tmp_path / name, rounds)
        take_memories(
            context, caller, SourceKind.FLOWTRACE, [sound], tmp_path / "broken.jsonl", rounds
        )
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)

    assert peaks[-1] <= peaks[0] + GROWTH_LIMIT_MIB
