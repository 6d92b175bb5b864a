"""`flowtrace completion`: print what lets a shell complete what is typed."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli import completion_scripts as scripts
from flowtrace_mcp.cli.parser import declared_pages
from flowtrace_mcp.cli.program import Call

SHELLS: Final[Mapping[str, scripts.Write]] = {
    "bash": scripts.bash,
    "zsh": scripts.zsh,
    "fish": scripts.fish,
    "powershell": scripts.powershell,
}
_OF_FILES: Final = ("PATH", "FILE", "FOLDER", "ZIP")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("shell", choices=list(SHELLS), metavar="SHELL", help=", ".join(SHELLS))


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Print the script of a shell."""
    script = SHELLS[arguments.shell](list(pages()))
    if call.output.is_json:
        call.output.answer({"shell": arguments.shell, "script": script})
    else:
        call.output.write(script.encode())
    return 0


def pages() -> Iterator[scripts.Page]:
    """Yield what can be typed: before any command, then behind each."""
    declared = list(declared_pages())
    commands = tuple(scripts.Word(text=name, help=summary) for name, summary, _ in declared[1:])
    for name, _, actions in declared:
        behind = [action for action in actions if not action.option_strings]
        choices = [str(one) for action in behind for one in action.choices or () if one]
        yield scripts.Page(
            command=name,
            options=tuple(_option(action) for action in actions if action.option_strings),
            words=tuple(scripts.Word(text=text) for text in choices) if name else commands,
            takes_files=any(_is_of_files(action) for action in behind),
        )


def _option(action: argparse.Action) -> scripts.Option:
    return scripts.Option(
        flags=tuple(action.option_strings),
        help=(action.help or "").partition(";")[0],
        takes_value=action.nargs != 0,
        choices=tuple(str(one) for one in action.choices or ()),
        is_of_files=_is_of_files(action),
    )


def _is_of_files(action: argparse.Action) -> bool:
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    return action.type is Path or any(word in metavar for word in _OF_FILES)
