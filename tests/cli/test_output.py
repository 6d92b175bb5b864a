import io
import json

import pytest

from flowtrace_mcp.cli.output import Output, Style, output_to
from flowtrace_mcp.errors import InputError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_bold_and_a_pipe_does_not() -> None:
    terminal, pipe = Terminal(), io.StringIO()

    output_to(terminal, io.StringIO(), {}).say("head", Style.BOLD)
    output_to(pipe, io.StringIO(), {}).say("head", Style.BOLD)

    assert terminal.getvalue() == "\x1b[1mhead\x1b[0m\n"
    assert pipe.getvalue() == "head\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_may_refuse_styles(environ: dict[str, str]) -> None:
    terminal = Terminal()

    output_to(terminal, io.StringIO(), environ).say("head", Style.BOLD)

    assert terminal.getvalue() == "head\n"


def test_stored_text_cannot_steer_the_terminal() -> None:
    terminal = Terminal()

    output_to(terminal, io.StringIO(), {}).say("before\x1b[2Jafter\x07\x9b1m\ttab")

    assert terminal.getvalue() == "before\\x1b[2Jafter\\x07\\x9b1m\ttab\n"


def test_a_long_word_stays_whole_to_be_copied() -> None:
    out = io.StringIO()
    path = "/".join(["folder"] * 20)

    Output(out=out, err=io.StringIO(), width=40).say_wrapped(f"see {path} there", "  ")

    assert out.getvalue().splitlines() == ["  see", f"  {path}", "  there"]


def test_an_answer_is_one_line_of_json() -> None:
    out = io.StringIO()

    Output(out=out, err=io.StringIO()).answer({"text": "two\nlines"})

    assert out.getvalue().count("\n") == 1
    assert json.loads(out.getvalue()) == {"text": "two\nlines"}


def test_an_error_without_reason_or_mend_is_one_line() -> None:
    err = io.StringIO()

    Output(out=io.StringIO(), err=err).fail(InputError("it broke"))

    assert err.getvalue() == "error: it broke\n"
