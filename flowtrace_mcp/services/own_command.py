"""How clients start us: by a path that is there tomorrow too.

`uvx` and `pipx run` make an environment that may be gone after the call, and making it again takes longer
than clients wait for a server (Codex 10 s, Claude Code 30 s). From there we are first put in place for
good, from where that environment came from: an index, a file or a repository.
"""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePath
from typing import Final

from flowtrace_mcp.errors import FlowtraceError, InputError

DISTRIBUTION: Final = "flowtrace-mcp"
SERVER_COMMAND: Final = "flowtrace-mcp"
PERSON_COMMAND: Final = "flowtrace"
VENV_FOLDER: Final = "program"
INSTALL_LIMIT_S: Final = 900
LINE_CHARACTERS: Final = 160
_LAST_LINES: Final = 5
_ONE_OF_MANY: Final = "+ "  # how uv begins the line of each of our 60 dependencies
# Parts of the paths in which environments for one call lie, in lower case.
_OF_UV: Final = re.compile(r"(archive|builds|environments)-v\d+")
_OF_PIPX: Final = frozenset((".cache", "cache", "caches"))

Tell = Callable[[str], None]
Run = Callable[[Sequence[str], Tell], str]  # tells the lines of a program as they come; its output
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
    wanted: str,
    tell: Tell,
    *,
    run: Run | None = None,
    find: Find = shutil.which,
) -> OwnCommand:
    """Install us for good: by uv, else by pipx, else in an environment in the data folder.

    Args:
        home: The data folder.
        wanted: What to install, see ``own_requirement``.
        tell: Told what is done, for it takes a while.
        run: Runs a program and returns its output; raises FlowtraceError.
        find: Finds a command on the path.

    Raises:
        FlowtraceError: It could not be done; says by what command it can be done by hand.
    """
    run = run or _run
    if find("uv"):
        tell(f"installing {wanted} with uv")
        run(("uv", "tool", "install", "--force", wanted), tell)
        folder = _last_folder(run(("uv", "tool", "dir", "--bin"), _ignore))
    elif find("pipx"):
        tell(f"installing {wanted} with pipx")
        run(("pipx", "install", "--force", wanted), tell)
        folder = _last_folder(run(("pipx", "environment", "--value", "PIPX_BIN_DIR"), _ignore))
    else:
        place = home / VENV_FOLDER
        tell(f"installing {wanted} into {place}")
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        run((sys.executable, "-m", "venv", "--clear", str(place)), tell)
        folder = place / ("Scripts" if sys.platform == "win32" else "bin")
        pip = (str(folder / "python"), "-m", "pip", "install", "--disable-pip-version-check")
        run((*pip, "--progress-bar", "off", wanted), tell)
    return own_command(folder, lambda _: None)


def own_requirement(version: str, origin: str | None) -> str:
    """Return what to install to have this very program again.

    Args:
        version: Ours.
        origin: The ``direct_url.json`` of our installation (PEP 610); None = it came from an index.
    """
    try:
        told = json.loads(origin or "{}")
        url, revision = str(told["url"]), told.get("vcs_info")
        if revision:
            url = f"{revision['vcs']}+{url}@{revision['commit_id']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{DISTRIBUTION}=={version}"
    return f"{DISTRIBUTION} @ {url}"


def own_origin() -> str | None:
    """Return the ``direct_url.json`` of this installation, None when there is none."""
    try:
        return distribution(DISTRIBUTION).read_text("direct_url.json")
    except PackageNotFoundError:
        return None


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


def _is_passing(path: PurePath) -> bool:
    parts = [part.lower() for part in path.parts]
    if any(_OF_UV.fullmatch(part) for part in parts):
        return True
    return "pipx" in parts and "venvs" not in parts and not _OF_PIPX.isdisjoint(parts)


def _in(folder: Path, name: str) -> str | None:
    return next(
        (str(one) for one in (folder / name, folder / f"{name}.exe") if one.is_file()), None
    )


def _run(words: Sequence[str], tell: Tell) -> str:
    lines: list[str] = []
    try:
        process = subprocess.Popen(  # noqa: S603 - our own words, no shell
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        raise _failed(words, str(error)) from error
    timer = threading.Timer(INSTALL_LIMIT_S, process.kill)
    timer.daemon = True
    timer.start()
    with process:
        assert process.stdout is not None
        for data in process.stdout:
            line = data.decode("utf-8", "replace").rstrip()
            if line and not line.lstrip().startswith(_ONE_OF_MANY):
                tell(f"  {line[:LINE_CHARACTERS]}")
                lines.append(line)
    timer.cancel()
    if process.returncode:
        raise _failed(words, " ".join(lines[-_LAST_LINES:])[:400])
    return "\n".join(lines)


def _last_folder(said: str) -> Path:
    """Return the folder that a program names in its last line that is one."""
    lines = [line.strip() for line in said.splitlines()]
    return Path(next((line for line in reversed(lines) if Path(line).is_dir()), ""))


def _ignore(_: str) -> None:
    pass


def _failed(words: Sequence[str], why: str) -> FlowtraceError:
    return FlowtraceError(
        f"{Path(words[0]).name} could not install flowtrace-mcp",
        why=why,
        mend="install it by hand, for instance with `pipx install flowtrace-mcp`, then try again",
    )
