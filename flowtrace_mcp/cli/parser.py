"""The command table, and the way from what was typed to a command and back to an exit code."""

import argparse
import io
import itertools
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol, TypeVar, cast

from flowtrace_mcp import __version__
from flowtrace_mcp.cli.output import output_to
from flowtrace_mcp.cli.program import Call, OpenProgram
from flowtrace_mcp.errors import FlowtraceError, InputError, outside

PROGRAM_NAME: Final = "flowtrace"
ActionT = TypeVar("ActionT", bound=argparse.Action)
EXIT_INTERRUPTED: Final = 130  # 128 + SIGINT, as a shell reports it
EXIT_NO_READER: Final = 141  # 128 + SIGPIPE
HELP_WIDTH: Final = 80


class CommandModule(Protocol):
    """What every command's file holds."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare what the command takes."""

    def run(self, call: Call, arguments: argparse.Namespace) -> int:
        """Do it and return the exit code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A row of the table; its file ``cli/<name>.py`` is imported when it is called."""

    name: str
    summary: str
    example: str
    listens: bool = False

    def module(self) -> CommandModule:
        """Import the command's file; one named by a keyword ends in ``_command``."""
        file = f"{self.name}_command" if iskeyword(self.name) else self.name
        return cast("CommandModule", import_module(f"flowtrace_mcp.cli.{file}"))


COMMANDS: Final = (
    Command(
        name="serve",
        summary="listen in the foreground, without an editor",
        example="flowtrace serve",
        listens=True,
    ),
    Command(
        name="demo",
        summary="show what Flowtrace does, for real, in a folder of its own",
        example="flowtrace demo",
    ),
    Command(
        name="install",
        summary="put Flowtrace into an editor's or agent's configuration",
        example="flowtrace install claude-code cursor",
    ),
    Command(
        name="uninstall",
        summary="take it out again, files restored as they were",
        example="flowtrace uninstall --all --dry-run",
    ),
    Command(
        name="service",
        summary="have the system start the listener with your session, or no more",
        example="flowtrace service install",
    ),
    Command(
        name="status",
        summary="what is stored, who listens, what is still to be switched on",
        example="flowtrace status",
    ),
    Command(
        name="doctor",
        summary="check the installation, the data and the ports, and say how to mend them",
        example="flowtrace doctor",
    ),
    Command(
        name="remember",
        summary="keep a decision, a fact, a preference, a fix",
        example="flowtrace remember 'Staging runs Postgres 16' --kind fact --topic staging-db",
    ),
    Command(
        name="recall",
        summary="find what was remembered",
        example="flowtrace recall 'which database does staging run' --limit 3",
    ),
    Command(
        name="forget",
        summary="retire a memory, or remove it for good",
        example="flowtrace forget 4k2m9x7c1d --reason 'no longer true'",
    ),
    Command(
        name="history",
        summary="every version of a fact, who said it, and why it went",
        example="flowtrace history 4k2m9x7c1d",
    ),
    Command(
        name="undo",
        summary="take back the last change of this project's memories",
        example="flowtrace undo",
    ),
    Command(
        name="project",
        summary="list the projects, call one something else, make two of them one",
        example="flowtrace project merge old-name new-name",
    ),
    Command(
        name="export",
        summary="let memories leave, whole: lines of JSON, or a folder of Markdown",
        example="flowtrace export --all --to memories.jsonl",
    ),
    Command(
        name="import",
        summary="take memories in, or make traces of an agent's past sessions",
        example="flowtrace import claude-code --dry-run",
    ),
    Command(
        name="backup",
        summary="copies of everything, made while agents work, and the way back",
        example="flowtrace backup create --compress",
    ),
    Command(
        name="retention",
        summary="how long what agents did is kept; memories are kept always",
        example="flowtrace retention set --days 90",
    ),
    Command(
        name="privacy",
        summary="what is personal and who read it; hand it out, erase it, and prove that",
        example="flowtrace privacy erase --session 4f1c --yes",
    ),
    Command(
        name="traces",
        summary="what agents did: runs, trees, paths, errors, slow calls, tools, cost, differences",
        example="flowtrace traces --view errors --since 2026-07-01",
    ),
    Command(
        name="costs",
        summary="what agents cost, by model, agent, project, session, tool or day",
        example="flowtrace costs --by day --since 2026-07-01",
    ),
    Command(
        name="budgets",
        summary="what may be spent, how far it is, who is told, and whether agents stop",
        example="flowtrace budgets set daily --period daily --amount 10 --at 80 --at 100",
    ),
    Command(
        name="analytics",
        summary="whether a metric rises, what goes with what, and groups held against each other",
        example="flowtrace analytics comparison --by model --metric duration",
    ),
    Command(
        name="insights",
        summary="what is unlike before, what fails again and again, what became worse",
        example="flowtrace insights --hours 24 --least medium",
    ),
    Command(
        name="rebuild",
        summary="hold the sums against the spans, and make those again that are wrong",
        example="flowtrace rebuild --check",
    ),
    Command(
        name="forward",
        summary="send on traces, logs and metrics to another OTLP endpoint",
        example="flowtrace forward http://127.0.0.1:14318 --since 2026-07-01",
    ),
    Command(
        name="prices",
        summary="what models cost: show, set your own, take over a newer table, recompute",
        example="flowtrace prices set my-model --input 0.5 --output 2",
    ),
    Command(
        name="hook",
        summary="what an agent's hook runs: pass its event on, answer at once, never fail",
        example="flowtrace hook claude-code",
    ),
    Command(
        name="keys",
        summary="let others read or write over HTTP, each with a key, a role, and a record",
        example="flowtrace keys create ci --role writer --days 90",
    ),
    Command(
        name="completion",
        summary="print what lets bash, zsh, fish or PowerShell complete what you type",
        example="flowtrace completion fish",
    ),
    Command(
        name="dashboard",
        summary="open the page that shows what agents do, did, cost and remember",
        example="flowtrace dashboard",
    ),
    Command(
        name="token",
        summary="print the token that programs on this machine read with",
        example="flowtrace token",
    ),
)


def main(
    argv: Sequence[str], open_program: OpenProgram, *, environ: Mapping[str, str] = os.environ
) -> int:
    """Run what was typed.

    Args:
        argv: The arguments, without the program's name.
        open_program: Builds the program that the command drives.
        environ: Environment variables.

    Returns:
        The exit code: 0, what ``errors.outside`` says, or 128 plus a signal's number.
    """
    _never_fail_on_a_stream()
    is_json = "--json" in itertools.takewhile(lambda word: word != "--", argv)
    output = output_to(sys.stdout, sys.stderr, environ, is_json=is_json)
    try:
        before, after = _split_at_command(argv)
        options = _top_parser().parse_args(before)
        command = _command_named(after[0]) if after else None
        listens = command is None or command.listens
        program = open_program(environ, db_path=options.db_path, listen=listens)
        if command is None:
            program.serve_stdio()
            return 0
        module = command.module()
        arguments = _parser_of(command, module).parse_args(after[1:])
        try:
            return module.run(Call(program=program, output=output, folder=Path.cwd()), arguments)
        finally:
            program.close()
    except FlowtraceError as error:
        output.fail(error)
        return outside(error)[2]
    except SystemExit as done:  # argparse has printed help or the version
        return int(done.code or 0)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # What is left in the buffer has no reader either: the flush at exit must not find it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_NO_READER


def help_pages() -> Iterator[tuple[str, str]]:
    """Yield the name and the help text of the program and of each command."""
    yield PROGRAM_NAME, _top_parser().format_help()
    for command in COMMANDS:
        page = _parser_of(command, command.module()).format_help()
        yield f"{PROGRAM_NAME} {command.name}", page


def declared_pages() -> Iterator[tuple[str, str, Sequence[argparse.Action]]]:
    """Yield name, summary and arguments of the program, whose name is "", and of each command."""
    yield "", "", _top_parser().declared
    for command in COMMANDS:
        yield command.name, command.summary, _parser_of(command, command.module()).declared


class _Parser(argparse.ArgumentParser):
    """A parser that tells what was declared, and whose errors read like every other error."""

    def __init__(self, **more: Any) -> None:
        self.declared: list[argparse.Action] = []
        super().__init__(**more)

    def _add_action(self, action: ActionT) -> ActionT:
        self.declared.append(action)
        return super()._add_action(action)

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would have printed."""
        raise InputError(f"cannot read the command: {message}", mend=f"see `{self.prog} --help`")


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help of one width everywhere, so that the documents are the same on every machine."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=HELP_WIDTH)


def _top_parser() -> _Parser:
    rows = "\n".join(f"  {one.name:<12}{one.summary}\n{'':14}{one.example}" for one in COMMANDS)
    parser = _Parser(
        prog=PROGRAM_NAME,
        usage=f"{PROGRAM_NAME} [--db-path PATH] [--json] [--version] [--help] [COMMAND ...]",
        description=(
            "Memory and observability for coding agents, on your own machine.\n"
            "Without a command it serves MCP on stdin and stdout, as editors start it."
        ),
        epilog=f"commands:\n{rows}\n\n`{PROGRAM_NAME} COMMAND --help` says what a command takes.",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--db-path", metavar="PATH", type=Path, help="database file, instead of the settings' one"
    )
    _add_json(parser)
    parser.add_argument("--version", action="version", version=f"{PROGRAM_NAME} {__version__}")
    return parser


def _parser_of(command: Command, module: CommandModule) -> _Parser:
    parser = _Parser(
        prog=f"{PROGRAM_NAME} {command.name}",
        description=f"{command.summary[:1].upper()}{command.summary[1:]}.",
        epilog=f"example:\n  {command.example}",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    _add_json(parser)
    return parser


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="answer with one JSON object")


def _split_at_command(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Return the options before the command, and the command with all that follows."""
    position = 0
    while position < len(argv) and argv[position].startswith("-"):
        position += 2 if argv[position] == "--db-path" else 1
    return argv[:position], argv[position:]


def _command_named(name: str) -> Command:
    for command in COMMANDS:
        if command.name == name:
            return command
    raise InputError(
        f"there is no command {name[:40]!r}",
        why="commands are " + ", ".join(command.name for command in COMMANDS),
        mend=f"see `{PROGRAM_NAME} --help`",
    )


def _never_fail_on_a_stream() -> None:
    """Let a stream that cannot show a character show its code; one that is not there takes all.

    Without a console, as under ``pythonw``, Python has no streams.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
