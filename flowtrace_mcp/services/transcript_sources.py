"""Where agents keep their session files, and which reader reads which."""

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.ingest.transcripts import claude_code, codex, cursor, gemini
from flowtrace_mcp.ingest.transcripts.claude_code import ClaudeCodeReader
from flowtrace_mcp.ingest.transcripts.codex import CodexReader
from flowtrace_mcp.ingest.transcripts.cursor import CursorReader
from flowtrace_mcp.ingest.transcripts.cursor_composers import CursorComposersReader
from flowtrace_mcp.ingest.transcripts.gemini import GeminiReader
from flowtrace_mcp.ingest.transcripts.shape import Reader
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.services.transcript_reading import DATABASE
from flowtrace_mcp.storage.cursor_state import list_conversations

FILES_LIMIT: Final = 1_000_000
STATE_FILE: Final = f"state{DATABASE}"
_CHATS: Final = "chats"
_PROJECT_ROOT: Final = ".project_root"
_PROJECTS: Final = "projects.json"
_SUB_AGENTS: Final = "subagents"
_SUB_AGENT: Final = "agent-"  # of versions before 2.1 beside the session's


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptSource:
    """The session files of one agent."""

    agent: str
    folders: Callable[[Mapping[str, str], Path], tuple[Path, ...]]  # of environment and home
    patterns: tuple[str, ...]
    reader: Callable[[Path], Reader]


def _claude_reader(path: Path) -> Reader:
    if path.parent.name != _SUB_AGENTS and not path.name.startswith(_SUB_AGENT):
        return ClaudeCodeReader()
    try:
        told = msgspec.json.decode(path.with_suffix(".meta.json").read_bytes(), type=_Meta)
    except (OSError, *UNDECODABLE):
        told = _Meta()
    return ClaudeCodeReader(told.call_id, is_sub_agent=True)


class _Meta(msgspec.Struct):
    call_id: str = msgspec.field(name="toolUseId", default="")


def _gemini_folder(path: Path) -> str:
    """Return where Gemini CLI worked: its folder for a project says so, or its list of all.

    A project has a name there, and in older versions the SHA-256 of its folder.
    """
    chats = next((each for each in path.parents if each.name == _CHATS), path.parent)
    project = chats.parent
    try:
        return (project / _PROJECT_ROOT).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        pass
    try:
        listed = msgspec.json.decode(
            project.parents[1].joinpath(_PROJECTS).read_bytes(), type=_Projects
        )
    except (OSError, IndexError, *UNDECODABLE):
        return ""
    names = {name: folder for folder, name in listed.projects.items()}
    hashes = {sha256(folder.encode()).hexdigest(): folder for folder in listed.projects}
    return (hashes | names).get(project.name, "")


class _Projects(msgspec.Struct):
    projects: dict[str, str] = {}


def _cursor_folders(environ: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """Return where the agent's files lie, and its database on Linux, macOS and Windows."""
    settings = (
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config"),
        home / "Library" / "Application Support",
        Path(environ.get("APPDATA") or home / "AppData" / "Roaming"),
    )
    states = (each / "Cursor" / "User" / "globalStorage" for each in settings)
    return (home / ".cursor" / "projects", *states)


def _cursor_reader(path: Path) -> Reader:
    if path.suffix == DATABASE:
        return CursorComposersReader()
    return CursorReader(path.stem, path.stat().st_mtime_ns // 1000)


SOURCES: Final[Mapping[str, TranscriptSource]] = {
    source.agent: source
    for source in (
        TranscriptSource(
            agent=claude_code.AGENT,
            folders=lambda environ, home: (
                Path(environ.get("CLAUDE_CONFIG_DIR") or home / ".claude") / "projects",
            ),
            patterns=("**/*.jsonl",),
            reader=_claude_reader,
        ),
        TranscriptSource(
            agent=codex.AGENT,
            folders=lambda environ, home: tuple(
                Path(environ.get("CODEX_HOME") or home / ".codex") / name
                for name in ("sessions", "archived_sessions")
            ),
            patterns=("**/rollout-*.jsonl",),
            reader=lambda _: CodexReader(),
        ),
        TranscriptSource(
            agent=gemini.AGENT,
            folders=lambda environ, home: (
                Path(environ.get("GEMINI_CLI_HOME") or home) / ".gemini" / "tmp",
            ),
            patterns=("**/chats/session-*.json", "**/chats/session-*.jsonl"),
            reader=lambda path: GeminiReader(_gemini_folder(path)),
        ),
        TranscriptSource(
            agent=cursor.AGENT,
            folders=_cursor_folders,
            patterns=("**/agent-transcripts/**/*.jsonl", STATE_FILE),
            reader=_cursor_reader,
        ),
    )
}


def find_files(
    source: TranscriptSource, path: Path | None, environ: Mapping[str, str]
) -> list[Path]:
    """Return the session files below a path, or the path itself; by name.

    Args:
        source: Whose.
        path: A file or a folder; None = where the agent keeps them.
        environ: Environment variables.

    Raises:
        InputError: There is no such place.
    """
    folders = source.folders(environ, _home(environ)) if path is None else (path,)
    if path is not None and path.is_file():
        return [path]
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        raise _missing(source, folders[0])
    found = {file for folder in there for file in _below(folder, source.patterns)}
    return sorted(_without_told_better(found))


def default_folder(source: TranscriptSource, environ: Mapping[str, str]) -> Path:
    """Return where an agent keeps its session files first of all.

    Raises:
        InputError: There is no such folder.
    """
    folder = source.folders(environ, _home(environ))[0]
    if not folder.is_dir():
        raise _missing(source, folder)
    return folder


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or environ.get("USERPROFILE") or Path.home())


def _missing(source: TranscriptSource, folder: Path) -> InputError:
    return InputError(
        f"no sessions of {source.agent}",
        why=f"there is no folder {folder}",
        mend="give the folder or the file",
    )


def _without_told_better(files: Collection[Path]) -> Iterator[Path]:
    """Leave out files of conversations that a database among them tells with times and tokens."""
    better: set[str] = set()
    for file in files:
        if file.suffix == DATABASE:
            better |= _conversations_in(file)
    return (file for file in files if file.stem not in better)


def _conversations_in(database: Path) -> set[str]:
    try:
        return list_conversations(database)
    except (FlowtraceError, OSError):
        return set()  # that it cannot be read is told when it is


def _below(folder: Path, patterns: tuple[str, ...]) -> Iterator[Path]:
    for pattern in patterns:
        for count, path in enumerate(folder.glob(pattern)):
            if count >= FILES_LIMIT:
                return
            if path.is_file() and os.access(path, os.R_OK):
                yield path
