"""Where a command's answer goes: lines for a person, or one JSON object for a program."""

import io
import json
import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TextIO

from flowtrace_mcp.errors import FlowtraceError

WIDTH_DEFAULT: Final = 80
WIDTH_MOST: Final = 100
_RESET: Final = "\x1b[0m"
# Stored text may hold what would move the cursor or recolour the screen: it is shown, not obeyed.
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"
}


class Style(StrEnum):
    """How a line looks on a terminal; nothing depends on it."""

    PLAIN = ""
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """The two streams of a command.

    Args:
        out: The answer.
        err: Errors, and what is said while the command works.
        is_json: Whether the answer is one JSON object.
        is_styled: Whether ``out`` is a terminal that takes bold and dim.
        width: Characters a line.
    """

    out: TextIO
    err: TextIO
    is_json: bool = False
    is_styled: bool = False
    width: int = WIDTH_DEFAULT

    def say(self, text: str = "", style: Style = Style.PLAIN) -> None:
        """Write a line, or several, of the answer for a person."""
        shown = text.translate(_CONTROLS)
        if self.is_styled and style and shown:
            shown = f"{style.value}{shown}{_RESET}"
        print(shown, file=self.out, flush=True)

    def say_wrapped(self, text: str, indent: str, style: Style = Style.PLAIN) -> None:
        """Write a text, keeping its own line ends, with every line indented and none too wide."""
        for line in text.splitlines() or [""]:
            wrapped = textwrap.wrap(
                line,
                self.width,
                initial_indent=indent,
                subsequent_indent=indent,
                break_long_words=False,  # a path or an id stays whole, to be copied
                break_on_hyphens=False,
            )
            self.say("\n".join(wrapped), style)

    def say_aside(self, text: str) -> None:
        """Write a line to a person beside the answer."""
        print(text.translate(_CONTROLS), file=self.err, flush=True)

    def answer(self, value: Mapping[str, object]) -> None:
        """Write the answer for a program."""
        is_ascii = "utf" not in (self.out.encoding or "").lower()
        print(json.dumps(value, ensure_ascii=is_ascii), file=self.out, flush=True)

    def write(self, data: bytes) -> None:
        """Write a part of an answer that is bytes, as a file of it would hold them."""
        if isinstance(self.out, io.TextIOWrapper):
            self.out.flush()
            self.out.buffer.write(data)
        else:
            self.out.write(data.decode())

    def fail(self, error: FlowtraceError) -> None:
        """Write what failed, why, and what mends it."""
        if self.is_json:
            self.answer({"error": error.fault, "code": error.code, "mend": error.mend})
            return
        self.say_aside(f"error: {error.fault}")
        if error.mend:
            self.say_aside(f"mend: {error.mend}")


def output_to(
    out: TextIO, err: TextIO, environ: Mapping[str, str], *, is_json: bool = False
) -> Output:
    """Return an output that suits its streams: bold and dim on a terminal unless ``NO_COLOR``."""
    is_terminal = out.isatty()
    width = WIDTH_DEFAULT
    if is_terminal:
        columns = shutil.get_terminal_size((WIDTH_DEFAULT, 24)).columns
        width = min(max(columns, WIDTH_DEFAULT // 2), WIDTH_MOST)
    return Output(
        out=out,
        err=err,
        is_json=is_json,
        is_styled=is_terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb",
        width=width,
    )
