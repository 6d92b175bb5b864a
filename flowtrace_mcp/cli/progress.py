"""How far a long command is: one line on a terminal, a line now and then in a log."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flowtrace_mcp.cli.output import Output

REDRAW_S: Final = 0.1
LOG_LINES: Final = 10
BAR_CHARACTERS: Final = 24


@dataclass(slots=True, kw_only=True)
class Progress:
    """Draws a bar on a terminal; with ``is_asked``, lines where there is none.

    Attributes:
        output: Of the command; the bar goes to its ``err``.
        label: What is being done.
        is_asked: Whether it was asked for by ``--progress``.
        now_s: Seconds of a clock that never goes back.
    """

    output: Output
    label: str
    is_asked: bool = False
    now_s: Callable[[], float] = time.monotonic
    _drawn_s: float = field(default=-1.0, init=False)
    _logged: int = field(default=-1, init=False)

    def show(self, share: float) -> None:
        """Show that a share is done, 0 to 1; most calls draw nothing."""
        if self.output.err.isatty():
            self._draw(share)
        elif self.is_asked and round(share * 1000) * LOG_LINES // 1000 > self._logged:
            self._logged = round(share * 1000) * LOG_LINES // 1000
            self.output.say_aside(f"{self.label}: {share:.0%}")

    def end(self) -> None:
        """Take the bar away, so that the answer stands alone."""
        if self._drawn_s >= 0 and self.output.err.isatty():
            self.output.err.write("\r\x1b[K")
            self.output.err.flush()

    def _draw(self, share: float) -> None:
        now_s = self.now_s()
        if self._drawn_s >= 0 and now_s - self._drawn_s < REDRAW_S and share < 1.0:
            return
        self._drawn_s = now_s
        full = round(share * BAR_CHARACTERS)
        bar = "#" * full + "-" * (BAR_CHARACTERS - full)
        self.output.err.write(f"\r{self.label} [{bar}] {share:4.0%}\x1b[K")
        self.output.err.flush()
