"""When Claude Code's own memory and ours tell each other what they hold, and where its lies."""

import importlib
import re
from pathlib import Path
from typing import Final

from flowtrace_mcp.ingest.hook_shape import HookEvent, HookKind
from flowtrace_mcp.ingest.hooks_claude_code import AGENT
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.git import ask_git

MEMORY_FOLDER: Final = "memory"
_PROJECTS_FOLDER: Final = "projects"
_KINDS: Final = frozenset({HookKind.SESSION_START, HookKind.TURN_END, HookKind.SESSION_END})
_NOT_IN_A_NAME: Final = re.compile(r"[^A-Za-z0-9]")


def is_turn_of_mirror(event: HookEvent) -> bool:
    """Say whether an event is one after which either memory may hold something new."""
    return event.agent == AGENT and event.kind in _KINDS and bool(event.transcript)


def mirror_after(context: Context, event: HookEvent, project: ProjectIdentity) -> None:
    """Let both memories of an event's project tell each other what they hold.

    Raises:
        FlowtraceError: The database does not take it.
    """
    folder = find_memory_folder(Path(event.transcript), Path(event.folder))
    if folder is not None:
        # It brings every importer along, which a process that only listens does without.
        mirroring = importlib.import_module("flowtrace_mcp.services.memory_mirror")
        caller = Caller(project=project, agent=event.agent, folder=event.folder)
        mirroring.mirror(context, folder, caller)


def find_memory_folder(transcript: Path, folder: Path) -> Path | None:
    """Return where Claude Code keeps its memory of a project, None when it keeps none.

    It lies beside the transcripts, under the name of the repository's root, which all its folders
    and worktrees share; outside of a repository under that of the folder.

    Args:
        transcript: ``<...>/projects/<folder's name>/<session>.jsonl``.
        folder: Where the session works.
    """
    own = transcript.parent
    if own.parent.name != _PROJECTS_FOLDER or not own.parent.is_dir():
        return None
    common = ask_git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    root = Path(common).parent if Path(common).name == ".git" else folder
    places = (own.parent / folder_name(root) / MEMORY_FOLDER, own / MEMORY_FOLDER)
    return next((place for place in places if place.is_dir()), None)


def folder_name(folder: Path) -> str:
    """Return what Claude Code calls a folder among its projects."""
    return _NOT_IN_A_NAME.sub("-", str(folder))
