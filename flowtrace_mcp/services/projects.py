"""Which project a folder belongs to, asked of git."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from flowtrace_mcp.model.project import ProjectIdentity, identify_project, is_local_remote
from flowtrace_mcp.services.git import ask_git

_FILE_URL: Final = "file://"
# A clone of a clone of a clone: so many steps back to the first.
_CLONES_LIMIT: Final = 8


def project_of(folder: Path, named: str = "") -> ProjectIdentity:
    """Return the identity of the project that a folder lies in.

    Worktrees and clones of one repository are one project, clones of a folder of this machine
    too. Without git, or outside a repository, the folder itself is the project.
    """
    common_dir = ask_git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    branch = ask_git(folder, "symbolic-ref", "--short", "-q", "HEAD") if common_dir else ""
    remote = ""
    if not named:
        common_dir, remote = _source_of(folder, common_dir)
    return identify_project(
        named=named,
        remote=remote,
        common_dir=common_dir,
        folder=str(folder.resolve()),
        branch=branch,
    )


def folder_of(environ: Mapping[str, str], working_folder: Path) -> Path:
    """Return the folder that the caller works in: what its editor says, else where we run."""
    told = environ.get("CLAUDE_PROJECT_DIR", "")
    return Path(told) if told else working_folder


def _source_of(folder: Path, common_dir: str) -> tuple[str, str]:
    """Return (common directory, remote) of the repository that others were cloned from.

    A remote that is a folder here is followed to its own remote; one that is gone is kept.
    """
    remote = _remote_of(folder) if common_dir else ""
    for _ in range(_CLONES_LIMIT):
        if not is_local_remote(remote):
            break
        source = _folder_at(remote, folder)
        further = ask_git(source, "rev-parse", "--path-format=absolute", "--git-common-dir")
        if not further or further == common_dir:
            break
        folder, common_dir, remote = source, further, _remote_of(source)
    return common_dir, remote


def _remote_of(folder: Path) -> str:
    remote = ask_git(folder, "config", "--get", "remote.origin.url")
    if remote:
        return remote
    first = ask_git(folder, "remote").partition("\n")[0]
    return ask_git(folder, "config", "--get", f"remote.{first}.url") if first else ""


def _folder_at(remote: str, folder: Path) -> Path:
    path = unquote(remote.removeprefix(_FILE_URL)) if remote.startswith(_FILE_URL) else remote
    return folder / path  # an absolute path stays what it is
