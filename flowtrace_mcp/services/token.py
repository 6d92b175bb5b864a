"""The token of a data folder: made once, readable by its owner alone."""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from flowtrace_mcp.errors import SettingsError

TOKEN_BYTES: Final = 32
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # 32 bytes in URL-safe base 64


def _new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def read_or_create_token(path: Path, new_token: Callable[[], str] = _new_token) -> str:
    """Return the token in a file; the first process to ask makes it.

    Args:
        path: The token file; its folder is made (mode 0700) when missing.
        new_token: Makes 32 random bytes in URL-safe base 64.

    Raises:
        SettingsError: The file cannot be read or made, or holds something else.
    """
    try:
        if not path.exists():
            _create(path, new_token())
        token = path.read_text(encoding="ascii").strip()
        _close_to_others(path)
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable("it cannot be read or made") from error
    if not _TOKEN.fullmatch(token):
        raise _unusable("it does not hold a token")
    return token


def _create(path: Path, token: str) -> None:
    """Write the whole token under another name, then give it its own, unless somebody was first."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(token)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()


def _close_to_others(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & 0o077:
        path.chmod(0o600)


def _unusable(why: str) -> SettingsError:
    return SettingsError(
        "cannot use the token file of the data folder",
        why=why,
        mend="remove the file; a new one is made at the next start",
    )
