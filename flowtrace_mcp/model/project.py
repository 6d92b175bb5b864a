"""Which project a folder belongs to: the repository, wherever it is checked out."""

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

_SCP_FORM: Final = re.compile(r"^(?:[\w.+-]+@)?(?P<host>[\w.-]+):(?!//)(?P<path>.+)$")
_URL_FORM: Final = re.compile(
    r"^[a-z][a-z0-9+.-]*://(?:[^@/]*@)?(?P<host>[^/:]+)(?::\d+)?/(?P<path>.+)$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectIdentity:
    """What tells a project from every other, and what people call it."""

    identity: str
    name: str
    branch: str = ""


def normalised_remote(url: str) -> str:
    """Return ``host/owner/name`` of a git remote, the same for every way to write it.

    ``git@host:owner/name.git``, ``https://user@host/owner/name`` and
    ``ssh://git@host:22/owner/name.git/`` are one. A path on this machine is returned as it is.
    """
    text = url.strip()
    match = _URL_FORM.match(text) or _SCP_FORM.match(text)
    if match is None or len(match["host"]) == 1:  # C:\folder
        return text
    path = match["path"].strip("/")
    path = path.removesuffix(".git").rstrip("/")
    return f"{match['host']}/{path}".lower()


def is_local_remote(url: str) -> bool:
    """Say whether a git remote is a folder of this machine, not a place on a network."""
    text = url.strip()
    match = _URL_FORM.match(text) or _SCP_FORM.match(text)
    return bool(text) and (match is None or len(match["host"]) == 1)


def named_identity(name: str) -> str:
    """Return the identity of a project that is told apart by its name alone."""
    return f"name:{name}"


def identify_project(
    *, named: str, remote: str, common_dir: str, folder: str, branch: str
) -> ProjectIdentity:
    """Return the identity of a project: told, else the repository's, else the folder's.

    Args:
        named: What the user calls it, or "".
        remote: URL of the repository's main remote, or "".
        common_dir: Git's common directory, shared by all worktrees, or "".
        folder: The working folder.
        branch: The branch checked out, or "".
    """
    if named:
        return ProjectIdentity(identity=named_identity(named), name=named, branch=branch)
    if remote:
        where = normalised_remote(remote)
        return ProjectIdentity(
            identity=f"git:{where}", name=where.rsplit("/", 1)[-1], branch=branch
        )
    if common_dir:
        repository = PurePath(common_dir)
        name = repository.parent.name if repository.name == ".git" else repository.stem
        return ProjectIdentity(identity=f"repo:{common_dir}", name=name, branch=branch)
    return ProjectIdentity(identity=f"folder:{folder}", name=PurePath(folder).name or folder)
