"""Ask the user's git, in bounded time and without a word of its own environment."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GIT_LIMIT_S: Final = 2.0


def ask_git(folder: Path, *arguments: str, limit_s: float = GIT_LIMIT_S) -> str:
    """Return what git answers, "" when it fails, is missing or takes too long."""
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            stdin=subprocess.DEVNULL,  # ours belongs to MCP
            capture_output=True,
            timeout=limit_s,
            check=False,
            env=_outside_of_git(os.environ),
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):  # ValueError: NUL in a path
        return ""
    return answer.stdout.decode(errors="replace").strip() if answer.returncode == 0 else ""


def _outside_of_git(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what a hook of git says: it names the hook's repository."""
    return {name: value for name, value in environ.items() if name not in _OF_A_HOOK} | _QUIET


_OF_A_HOOK: Final = {
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
}
# Reading takes no lock that another git of the user would wait for.
_QUIET: Final = {"GIT_OPTIONAL_LOCKS": "0"}
