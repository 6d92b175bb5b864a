"""How clients start us: by a path that is there tomorrow too.

`uvx` and `pipx run` make an environment that may be gone after the call, and making it again takes longer
than clients wait for a server (Codex 10 s, Claude Code 30 s). From there we are first put in place for
good.
"""

import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flowtrace_mcp.errors import FlowtraceError, InputError

DISTRIBUTION: Final = "flowtrace-mcp"
SERVER_COMMAND: Final = "flowtrace-mcp"
PERSON_COMMAND: Final = "flowtrace"
VENV_FOLDER: Final = "program"
INSTALL_LIMIT_S: Final = 900
# Parts of the paths in which environments for one call lie.
_PASSING: Final = (
    ("uv", "archive-v0"),
    ("pipx", ".cache"),
    (".cache", "pipx"),
    ("uv", "builds-v0"),
)

Run = Callable[[Sequence[str]], str]  # runs a program and returns what it prints
Find = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnCommand:
    """Where our two commands are."""

    server: Path
    person: Path

    @property
    def is_passing(self) -> bool:
        """Say whether they lie in an environment that was made for one call."""
        return _is_passing(self.server)


def own_command(scripts: Path | None = None, find: Find = shutil.which) -> OwnCommand:
    """Return our commands: those of this very environment, else those on the path.

    Args:
        scripts: The folder of this environment's commands.
        find: Finds a command on the path.

    Raises:
        InputError: There are none.
    """
    folder = scripts or Path(sysconfig.get_path("scripts"))
    found = [_in(folder, name) or find(name) for name in (SERVER_COMMAND, PERSON_COMMAND)]
    if not all(found):
        raise InputError(
            f"cannot find the command {SERVER_COMMAND}",
            why="it is neither beside this Python nor on the path",
            mend="install flowtrace-mcp with pip, pipx or uv",
        )
    server, person = (Path(str(one)).absolute() for one in found)
    return OwnCommand(server=server, person=person)


def put_in_place(
    home: Path,
    version: str,
    tell: Callable[[str], None],
    *,
    run: Run | None = None,
    find: Find = shutil.which,
) -> OwnCommand:
    """Install us for good: by uv, else by pipx, else in an environment in the data folder.

    Args:
        home: The data folder.
        version: Which one.
        tell: Told what is done, for it takes a while.
        run: Runs a program and returns its output; raises FlowtraceError.
        find: Finds a command on the path.

    Raises:
        FlowtraceError: It could not be done; says by what command it can be done by hand.
    """
    run = run or _run
    wanted = f"{DISTRIBUTION}=={version}"
    if find("uv"):
        tell(f"installing {wanted} with uv")
        run(("uv", "tool", "install", "--force", wanted))
        folder = Path(run(("uv", "tool", "dir", "--bin")).strip())
    elif find("pipx"):
        tell(f"installing {wanted} with pipx")
        run(("pipx", "install", "--force", wanted))
        folder = Path(run(("pipx", "environment", "--value", "PIPX_BIN_DIR")).strip())
    else:
        place = home / VENV_FOLDER
        tell(f"installing {wanted} into {place}")
        run((sys.executable, "-m", "venv", "--clear", str(place)))
        folder = place / ("Scripts" if sys.platform == "win32" else "bin")
        run((str(folder / "python"), "-m", "pip", "install", "--quiet", wanted))
    return own_command(folder, lambda _: None)


def windowless_python(command: OwnCommand, executable: Path) -> Path:
    """Return the Python of Windows that runs us and opens no window.

    Args:
        command: Our commands.
        executable: The Python of this process.

    Raises:
        InputError: There is none that is there tomorrow too.
    """
    for folder in (command.server.parent, executable.parent):
        python = folder / "pythonw.exe"
        if python.is_file() and not _is_passing(python):
            return python
    raise InputError(
        "cannot find pythonw.exe",
        why="another Python would open a window at each logon",
        mend=f"run `{command.person} service install`, or install flowtrace-mcp with pip",
    )


def _is_passing(path: Path) -> bool:
    return any(all(name in path.parts for name in names) for names in _PASSING)


def _in(folder: Path, name: str) -> str | None:
    return next(
        (str(one) for one in (folder / name, folder / f"{name}.exe") if one.is_file()), None
    )


def _run(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            words, capture_output=True, text=True, check=False, timeout=INSTALL_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _failed(words, str(error)) from error
    if done.returncode:
        raise _failed(words, (done.stderr or done.stdout).strip().rpartition("\n")[2][:200])
    return done.stdout


def _failed(words: Sequence[str], why: str) -> FlowtraceError:
    return FlowtraceError(
        f"{Path(words[0]).name} could not install flowtrace-mcp",
        why=why,
        mend="install it by hand, for instance with `pipx install flowtrace-mcp`, then try again",
    )
