import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowtrace_mcp import __version__
from flowtrace_mcp.app import Application
from flowtrace_mcp.cli import parser
from tests.cli.conftest import Type


def test_the_help_names_every_command_with_a_summary_and_an_example(typed: Type) -> None:
    answer = typed("--help")

    assert answer.code == 0
    for command in parser.COMMANDS:
        assert f"  {command.name}" in answer.out
        assert command.summary in answer.out
        assert command.example in answer.out


@pytest.mark.parametrize("command", parser.COMMANDS, ids=lambda one: one.name)
def test_a_commands_help_fits_eighty_columns_and_ends_with_its_example(
    command: parser.Command, typed: Type
) -> None:
    answer = typed(command.name, "--help")

    assert answer.code == 0
    assert answer.out.rstrip().endswith(command.example)
    assert max(map(len, answer.out.splitlines())) <= 84
    assert "--json" in answer.out


@pytest.mark.parametrize("command", parser.COMMANDS, ids=lambda one: one.name)
def test_an_example_is_a_command_that_is_understood(command: parser.Command) -> None:
    import shlex

    words = shlex.split(command.example)

    assert words[:2] == ["flowtrace", command.name]
    parser._parser_of(command, command.module()).parse_args(words[2:])


def test_the_version_is_the_packages(typed: Type) -> None:
    assert typed("--version").out.strip() == f"flowtrace {__version__}"


def test_an_unknown_command_names_those_there_are(typed: Type) -> None:
    answer = typed("rember", "this")

    assert answer.code == 2
    assert answer.out == ""
    assert answer.err.startswith("error: there is no command 'rember': commands are serve, demo")
    assert "mend: see `flowtrace --help`" in answer.err


def test_an_argument_that_is_not_understood_is_an_error_with_a_mend(typed: Type) -> None:
    answer = typed("recall", "database", "--limit", "many")

    assert answer.code == 2
    assert "error: cannot read the command: argument --limit: invalid int value" in answer.err
    assert "mend: see `flowtrace recall --help`" in answer.err


@pytest.mark.promise("json")
@pytest.mark.parametrize(
    "words", [("--json", "recall", " "), ("recall", " ", "--json")], ids=["before", "after"]
)
def test_json_errors_are_one_object_on_stdout(words: tuple[str, ...], typed: Type) -> None:
    answer = typed(*words)

    assert answer.code == 2
    assert answer.err == ""
    assert answer.body == {
        "error": "cannot recall nothing: the query is blank",
        "code": "bad_input",
        "mend": "say what you look for",
    }


def test_words_after_two_dashes_are_no_options(typed: Type) -> None:
    answer = typed("remember", "--", "--json is on all commands")

    assert answer.code == 0
    assert answer.out.rstrip().endswith("remembered")


def test_a_database_path_before_the_command_wins(typed: Type, tmp_path: Path) -> None:
    typed("--db-path", str(tmp_path / "other.db"), "remember", "kept elsewhere")

    assert (tmp_path / "other.db").exists()
    assert not (tmp_path / "home" / "flowtrace.db").exists()


def test_a_broken_settings_file_is_an_error_of_its_own_exit_code(
    typed: Type, environ: dict[str, str]
) -> None:
    home = Path(environ["FLOWTRACE_HOME"])
    home.mkdir()
    (home / "flowtrace.toml").write_text("[server]\nport = 'nine'\n")

    answer = typed("status")

    assert answer.code == 3
    assert "error: [server] port cannot be 'nine'" in answer.err
    assert "Traceback" not in answer.err


def test_a_file_that_is_no_database_is_an_error_of_its_own_exit_code(
    typed: Type, tmp_path: Path
) -> None:
    (tmp_path / "broken.db").write_bytes(b"not a database" * 1000)

    answer = typed("--db-path", str(tmp_path / "broken.db"), "status")

    assert answer.code == 7
    assert answer.err.startswith("error: the database file cannot be read")


def test_an_interrupted_command_ends_without_a_traceback(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(Application):
        def context(self):  # type: ignore[no-untyped-def] # it never returns
            raise KeyboardInterrupt

    assert parser.main(["status"], Interrupted, environ=environ) == 130
    assert capsys.readouterr().err == ""


def test_a_stream_that_lacks_a_character_shows_its_code(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", out)

    parser.main(["remember", "Zürich → Genève", "--json"], Application, environ=environ)
    code = parser.main(["recall", "Zürich"], Application, environ=environ)

    out.seek(0)
    assert code == 0
    assert "Z\\xfcrich \\u2192 Gen\\xe8ve" in out.read()


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_reader_that_leaves_early_leaves_no_traceback(environ: dict[str, str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    ended = subprocess.run(
        [sys.executable, "-m", "flowtrace_mcp", "status"],
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, **environ},
        check=False,
    )
    os.close(writing)

    assert ended.returncode == 141
    assert ended.stderr == b""


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_without_arguments_nothing_of_the_command_line_is_imported() -> None:
    code = (
        "import sys, flowtrace_mcp.app\n"
        "flowtrace_mcp.app.Application.serve_stdio = lambda self: None\n"
        "from flowtrace_mcp.__main__ import main\n"
        "assert main([]) == 0\n"
        "print([name for name in ('argparse', 'flowtrace_mcp.cli') if name in sys.modules])"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout.strip() == "[]"
