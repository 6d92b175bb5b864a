"""Say where Flowtrace's program is when Claude Code cannot start it; say nothing when it can.

The plugin starts `flowtrace-mcp` and `flowtrace` by name, so they have to be on the path. This
runs beside the start of a session, on whatever Python 3 there is, from 3.7 on.
"""

import json
import os
import sys
from pathlib import Path

NAMES = ("flowtrace-mcp", "flowtrace")


def holds_all(folder):
    """Say whether a folder holds both commands."""
    ends = (".exe", ".cmd") if os.name == "nt" else ("",)
    return all(any(os.access(folder / (name + end), os.X_OK) for end in ends) for name in NAMES)


def usual_folders(environ, platform):
    """Return where installers put commands: uv, pipx, and `flowtrace install` in its data folder."""
    home = Path.home()
    told = (environ.get(name) for name in ("UV_TOOL_BIN_DIR", "PIPX_BIN_DIR", "XDG_BIN_HOME"))
    if platform == "win32":
        data = Path(environ.get("APPDATA") or home / "AppData/Roaming") / "Flowtrace"
    elif platform == "darwin":
        data = home / "Library/Application Support/Flowtrace"
    else:
        data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share") / "Flowtrace"
    own = Path(environ.get("FLOWTRACE_HOME") or data) / "program"
    scripts = "Scripts" if platform == "win32" else "bin"
    return [*map(Path, filter(None, told)), home / ".local/bin", own / scripts]


def advice(environ, platform):
    """Return what a person has to do, "" for nothing."""
    on_path = map(Path, filter(None, environ.get("PATH", "").split(os.pathsep)))
    if any(map(holds_all, on_path)):
        return ""
    found = next(filter(holds_all, usual_folders(environ, platform)), None)
    if found:
        return (
            f"Flowtrace is installed in {found}, which is not on the PATH that Claude Code was"
            " started with. Add it there and start Claude Code again."
        )
    return (
        "The Flowtrace plugin needs its program, and there is none on the PATH. Install it with"
        " `uv tool install flowtrace-mcp` or `pipx install flowtrace-mcp`, then start Claude Code"
        " again."
    )


def main():
    """Write the advice as Claude Code takes it, for the person and for the model."""
    told = advice(os.environ, sys.platform)
    if told:
        context = {"hookEventName": "SessionStart", "additionalContext": told}
        json.dump({"systemMessage": told, "hookSpecificOutput": context}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
