"""`flowtrace completion`, its scripts run by the shells themselves."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from flowtrace_mcp.cli.completion import SHELLS, pages
from flowtrace_mcp.cli.parser import COMMANDS
from tests.cli.conftest import Type

Offer = Callable[..., set[str]]

BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_flowtrace
printf '%s\\n' "${COMPREPLY[@]}"
"""
# What zsh's own functions of completion are given is what they would offer.
ZSH = """
compdef() { }
_files() { print -r -- FILES }
_describe() { for one in ${(P)argv[-1]}; do print -r -- ${${one%%:*}}; done; true }
compadd() { shift; print -rl -- $@ }
source $1; shift
words=($@); CURRENT=$#
_flowtrace
"""
FISH = """
source $argv[1]
complete -C (string join ' ' -- $argv[2..])
"""
POWERSHELL = """
. $args[0]
$line = ($args[1..($args.Count - 1)] -join ' ')
(TabExpansion2 $line $line.Length).CompletionMatches | ForEach-Object { $_.CompletionText }
"""
RUNNERS = {
    "bash": ["bash", "--norc", "-c", BASH, "bash"],
    "zsh": ["zsh", "-f", "-c", ZSH, "zsh"],
    "fish": ["fish", "--no-config", "-c", FISH],
    "powershell": ["pwsh", "-NoProfile", "-Command", POWERSHELL],
}
STARTS_WITH = {"zsh"}  # which offers all, and leaves it to zsh to choose


@pytest.fixture(params=sorted(SHELLS))
def offered(typed: Type, tmp_path: Path, request: pytest.FixtureRequest) -> Offer:
    """Return a function that says what a shell offers behind some words."""
    shell = request.param
    program, *arguments = RUNNERS[shell]
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not here")
    script = tmp_path / ("flowtrace.ps1" if shell == "powershell" else f"flowtrace.{shell}")
    script.write_text(typed("completion", shell).out, encoding="utf-8")

    def offer(*words: str) -> set[str]:
        line = ("flowtrace", *words)
        done = subprocess.run(
            [program, *arguments, str(script), *line],
            env={"HOME": str(tmp_path), "PATH": os.environ["PATH"], "TERM": "dumb"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        found = {one.partition("\t")[0] for one in done.stdout.splitlines() if one}
        return (
            {one for one in found if one.startswith(words[-1])} if shell in STARTS_WITH else found
        )

    return offer


@pytest.mark.slow
def test_a_shell_offers_what_can_be_typed(offered: Offer) -> None:
    assert offered("serv") == {"serve", "service"}
    assert offered("install", "cu") == {"cursor"}
    assert offered("install", "--sc") == {"--scope"}
    assert offered("install", "--scope", "p") == {"project"}
    assert offered("recall", "words", "--kind", "got") == {"gotcha"}


@pytest.mark.slow
def test_the_value_of_an_option_is_not_taken_for_a_command(offered: Offer) -> None:
    assert offered("--db-path", "recall", "serv") == {"serve", "service"}
    assert offered("--json", "install", "--no-h") == {"--no-hooks"}


def test_all_that_is_declared_is_offered() -> None:
    found = {page.command: page for page in pages()}
    before, install = found[""], found["install"]

    assert [word.text for word in before.words] == [command.name for command in COMMANDS]
    assert {"--db-path", "--json", "--version", "--help"} <= {
        flag for option in before.options for flag in option.flags
    }
    assert "claude-code" in [word.text for word in install.words]
    assert found["export"].options, "also what stands in a group"
    assert any("--all" in option.flags for option in found["export"].options)
    assert found["import"].takes_files


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_every_command_and_option_is_in_every_script(typed: Type, shell: str) -> None:
    script = typed("completion", shell).out

    for page in pages():
        assert page.command in script
        for flag in (flag for option in page.options for flag in option.flags):
            assert flag.lstrip("-") in script


def test_powershell_whose_keys_have_no_case_is_given_none_twice(typed: Type) -> None:
    script = typed("completion", "powershell").out
    for table in re.findall(r"= @\{\n(.*?)\n  \}", script, re.DOTALL):
        keys = re.findall(r"^    ('[^']*') = ", table, re.MULTILINE)

        assert len({key.lower() for key in keys}) == len(keys) == table.count("\n") + 1


def test_a_program_reads_the_same(typed: Type) -> None:
    body = typed("completion", "bash", "--json").body

    assert body["shell"] == "bash"
    assert body["script"] == typed("completion", "bash").out


def test_another_shell_is_refused(typed: Type) -> None:
    answer = typed("completion", "tcsh")

    assert answer.code != 0
    assert "bash" in answer.err
