"""Make the commands and the skill of Cursor's plugin out of those of Claude Code's.

    python -m scripts.make_cursor_plugin

What a person types after a command Cursor puts below the text, and no field of it says which tools
are allowed. The skill stays as it is: both read the same form.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE, TARGET = ROOT / "plugin/claude", ROOT / "plugin/cursor"
KEPT_FIELDS = ("description",)
TYPED = "$ARGUMENTS"
TYPED_BELOW = "what the user has typed after the name of this command"


def pages() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each page that is made."""
    for page in sorted(SOURCE.glob("commands/*.md")):
        yield TARGET / page.relative_to(SOURCE), command(page.read_text(encoding="utf-8"))
    for page in sorted(SOURCE.glob("skills/*/SKILL.md")):
        yield TARGET / page.relative_to(SOURCE), page.read_text(encoding="utf-8")


def command(text: str) -> str:
    """Return a command as Cursor reads it."""
    _, head, body = text.split("---\n", 2)
    kept = [line for line in head.splitlines() if line.partition(":")[0] in KEPT_FIELDS]
    return "\n".join(["---", *kept, "---", ""]) + body.replace(TYPED, TYPED_BELOW)


def main() -> int:
    for path, text in pages():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
