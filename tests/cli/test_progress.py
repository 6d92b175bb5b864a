import io

from flowtrace_mcp.cli.output import Output
from flowtrace_mcp.cli.progress import REDRAW_S, Progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_one_line_that_is_taken_away_in_the_end() -> None:
    err = Terminal()
    now_s = iter([0.0, REDRAW_S / 2, REDRAW_S * 2, REDRAW_S * 2])
    progress = Progress(
        output=Output(out=io.StringIO(), err=err), label="importing", now_s=lambda: next(now_s)
    )

    for share in (0.0, 0.25, 0.5, 1.0):
        progress.show(share)
    progress.end()

    drawn = err.getvalue().split("\r")
    assert [part[-7:-3].strip() for part in drawn[1:-1]] == ["0%", "50%", "100%"]
    assert drawn[-1] == "\x1b[K"
    assert "\n" not in err.getvalue()


def test_a_log_gets_a_line_now_and_then_and_only_when_it_asks() -> None:
    asked, silent = io.StringIO(), io.StringIO()
    for err, is_asked in ((asked, True), (silent, False)):
        progress = Progress(output=Output(out=io.StringIO(), err=err), label="x", is_asked=is_asked)
        for number in range(101):
            progress.show(number / 100)
        progress.show(1.0)
        progress.end()

    assert asked.getvalue().splitlines() == [f"x: {share}%" for share in range(0, 101, 10)]
    assert silent.getvalue() == ""
