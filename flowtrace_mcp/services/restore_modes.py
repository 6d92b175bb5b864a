"""What becomes of what is there when a backup is restored."""

from enum import StrEnum

from flowtrace_mcp.errors import InputError


class RestoreMode(StrEnum):
    """What becomes of what is there."""

    REPLACE = "replace"
    MERGE = "merge"


def parse_mode(text: str) -> RestoreMode:
    """Return the mode of a word.

    Raises:
        InputError: It is none.
    """
    try:
        return RestoreMode(text)
    except ValueError:
        raise InputError(
            f"there is no mode {text[:40]!r}",
            why="a backup is restored by replace or merge",
            mend="give one of these",
        ) from None
