"""Which project a folder belongs to, asked of git."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flowtrace_mcp.model.project import ProjectIdentity, identify_project

GIT_LIMIT_S: Final = 2.0


def project_of(folder: Path, named: str = "") -> ProjectIdentity:
    """Return the identity of the project that a folder lies in.

    Worktrees and clones of one repository are one project. Without git, or outside a
    repository, the folder itself is the project.
    """
    shown = _git(folder, "rev-parse", "--path-format=absolute", "--git-common-dir")
    branch = _git(folder, "symbolic-ref", "--short", "-q", "HEAD") if shown else ""
    remote = _git(folder, "config", "--get", "remote.origin.url") if shown else ""
    if shown and not remote:
        first = _git(folder, "remote").partition("\n")[0]
        remote = _git(folder, "config", "--get", f"remote.{first}.url") if first else ""
    return identify_project(
        named=named, remote=remote, common_dir=shown, folder=str(folder.resolve()), branch=branch
    )


def folder_of(environ: Mapping[str, str], working_folder: Path) -> Path:
    """Return the folder that the caller works in: what its editor says, else where we run."""
    told = environ.get("CLAUDE_PROJECT_DIR", "")
    return Path(told) if told else working_folder


def _git(folder: Path, *arguments: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            stdin=subprocess.DEVNULL,  # ours belongs to MCP
            capture_output=True,
            timeout=GIT_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.decode(errors="replace").strip() if answer.returncode == 0 else ""
