"""What each shell is told of what can be typed; pages in, a script out.

Each script finds the command among the words before the cursor, skipping options and the value of
``--db-path``, and then offers the values of the option before the cursor, or the options and words of
the command. Nothing of ours runs while somebody types.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

PROGRAM: Final = "flowtrace"
OTHERS: Final = ("flowtrace-mcp",)  # that take the same
PROGRAMS: Final = " ".join((PROGRAM, *OTHERS))
VALUED: Final = "--db-path"  # the one option before the command that has a value


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """Something that can be typed, and what it is."""

    text: str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a command."""

    flags: tuple[str, ...]
    help: str
    takes_value: bool
    choices: tuple[str, ...]
    is_of_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What can be typed behind a command; "" = before any."""

    command: str
    options: tuple[Option, ...]
    words: tuple[Word, ...]
    takes_files: bool


Write: TypeAlias = Callable[[Sequence[Page]], str]


def bash(pages: Sequence[Page]) -> str:
    """Return a script for bash from 3.2 on."""
    values = [
        f'    "{page.command} {flag}") words="{" ".join(option.choices)}" ;;'
        for page, option, flag in _valued(pages)
    ]
    words = [
        f'      "{page.command}") words="{" ".join([*_flags(page), *_texts(page)])}" ;;'
        for page in pages
    ]
    return _joined(
        "_flowtrace() {",
        "  local cur prev command words i",
        '  cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}" command="" words=""',
        "  for ((i = 1; i < COMP_CWORD; i++)); do",
        '    case "${COMP_WORDS[i]}" in',
        f"      {VALUED}) ((i++)) ;;",
        "      -*) ;;",
        '      *) command="${COMP_WORDS[i]}"; break ;;',
        "    esac",
        "  done",
        '  case "$command $prev" in',
        *values,
        '    *) case "$command" in',
        *words,
        "    esac ;;",
        "  esac",
        '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
        "}",
        # Where none of the words fits, file names are offered.
        f"complete -o default -F _flowtrace {PROGRAMS}",
    )


def zsh(pages: Sequence[Page]) -> str:
    """Return a script for zsh, to be read by it or to lie in a folder of ``fpath``."""
    values = [
        f"    {_quoted(f'{page.command} {flag}')}) {_zsh_value(option)}; return ;;"
        for page, option, flag in _valued(pages)
    ]
    words = [line for page in pages for line in _zsh_page(page)]
    return _joined(
        f"#compdef {PROGRAMS}",
        "_flowtrace() {",
        "  local command='' at",
        "  local -a options found",
        "  for ((at = 2; at < CURRENT; at++)); do",
        "    case ${words[at]} in",
        f"      {VALUED}) ((at++)) ;;",
        "      -*) ;;",
        "      *) command=${words[at]}; break ;;",
        "    esac",
        "  done",
        '  case "$command ${words[CURRENT-1]}" in',
        *values,
        "  esac",
        "  case $command in",
        *words,
        "  esac",
        "  if [[ ${words[CURRENT]} == -* ]]; then _describe -o option options; return; fi",
        "  (( $#found )) && _describe word found || _files",
        "}",
        "if [[ ${funcstack[1]} == _flowtrace ]]; then",
        '  _flowtrace "$@"',
        "else",
        f"  compdef _flowtrace {PROGRAMS}",
        "fi",
    )


def fish(pages: Sequence[Page]) -> str:
    """Return a script for fish from 3.4 on."""
    return _joined(
        "function __flowtrace_command",
        "  set -l words (commandline -opc)",
        "  set -l skip 1",
        "  for word in $words",
        "    if test $skip -gt 0",
        "      set skip (math $skip - 1)",
        f"    else if test $word = {VALUED}",
        "      set skip 1",
        "    else if not string match -q -- '-*' $word",
        "      echo $word",
        "      return",
        "    end",
        "  end",
        "end",
        *(line for page in pages for line in _fish_page(page)),
        *(f"complete -c {name} -w {PROGRAM}" for name in OTHERS),
    )


def powershell(pages: Sequence[Page]) -> str:
    """Return a script for PowerShell from 5.1 on."""
    values = [
        f"    {_doubled(f'{page.command} {flag}')} = @({_listed(option.choices)})"
        for page, option, flag in _valued(pages)
    ]
    words = [
        f"    {_doubled(page.command)} = @({_listed([*_flags(page), *_texts(page)])})"
        for page in pages
    ]
    return _joined(
        f"Register-ArgumentCompleter -Native -CommandName {', '.join((PROGRAM, *OTHERS))} -ScriptBlock {{",
        "  param($wordToComplete, $commandAst, $cursorPosition)",
        "  $values = @{",
        *values,
        "  }",
        "  $words = @{",
        *words,
        "  }",
        "  $before = @($commandAst.CommandElements | Where-Object {",
        "    $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })",
        "  $command = ''",
        "  for ($i = 1; $i -lt $before.Count; $i++) {",
        f"    if ($before[$i] -eq '{VALUED}') {{ $i++ }}",
        "    elseif (-not $before[$i].StartsWith('-')) { $command = $before[$i]; break }",
        "  }",
        '  $found = $values["$command $($before[-1])"]',
        "  if ($null -eq $found) { $found = $words[$command] }",
        '  $found | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {',
        "    [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)",
        "  }",
        "}",
    )


def _valued(pages: Sequence[Page]) -> Iterator[tuple[Page, Option, str]]:
    """Yield every flag behind which a value stands."""
    for page in pages:
        for option in page.options:
            if option.takes_value:
                for flag in option.flags:
                    yield page, option, flag


def _flags(page: Page) -> list[str]:
    return [flag for option in page.options for flag in option.flags]


def _texts(page: Page) -> list[str]:
    return [word.text for word in page.words]


def _joined(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a text as bash, zsh and fish read it back."""
    escaped = text.replace("'", "'\\''")
    return f"'{escaped}'"


def _zsh_value(option: Option) -> str:
    if option.choices:
        return f"compadd -- {' '.join(map(_quoted, option.choices))}"
    return "_files" if option.is_of_files else ":"


def _zsh_page(page: Page) -> Iterator[str]:
    options = [_described(flag, option.help) for option in page.options for flag in option.flags]
    words = [_described(word.text, word.help) for word in page.words]
    yield f"    {_quoted(page.command)})"
    yield f"      options=({' '.join(options)})"
    yield f"      found=({' '.join(words)}) ;;"


def _described(text: str, help: str) -> str:  # noqa: A002 - argparse calls it so
    escaped = text.replace(":", "\\:")
    return _quoted(f"{escaped}:{help}" if help else escaped)


def _fish_page(page: Page) -> Iterator[str]:
    asked = f'test "$(__flowtrace_command)" = "{page.command}"'
    head = f"complete -c {PROGRAM} -n {_quoted(asked)}"
    if not page.takes_files:
        yield f"{head} -f"
    for word in page.words:
        told = f" -d {_quoted(word.help)}" if word.help else ""
        yield f"{head} -a {_quoted(word.text)}{told}"
    for option in page.options:
        names = " ".join(
            f"-l {flag[2:]}" if flag.startswith("--") else f"-s {flag[1:]}" for flag in option.flags
        )
        yield f"{head} {names}{_fish_value(option)} -d {_quoted(option.help)}"


def _fish_value(option: Option) -> str:
    if not option.takes_value:
        return ""
    if option.choices:
        return f" -x -a {_quoted(' '.join(option.choices))}"
    return " -r -F" if option.is_of_files else " -x"


def _doubled(text: str) -> str:
    """Return a text as PowerShell reads it back."""
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(_doubled, words))
