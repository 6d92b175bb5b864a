"""The static files of the dashboard: read when somebody first looks, then served from memory.

Their address holds a digest of all of them, so that a browser keeps a file for ever and never
mixes files of two versions. Modules name each other by relative paths, which keep the digest.
"""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

FOLDER: Final = Path(__file__).parent / "static"
PAGE: Final = "index.html"
DIGEST_DIGITS: Final = 16
# What every view needs, in the order of need; a page's own modules come with the page that shows it,
# and those of the other pages after the first view.
_EARLY: Final = ("vendor/preact.js", "vendor/hooks.js", "vendor/htm.js")
_EARLY_FOLDERS: Final = ("js", "js/ui")
_FIRST_PAGE: Final = "now"
# Modules that a page is made of, besides its own: files, and folders of them.
_PARTS: Final = {"trace": ("js/trace",), "now": ("js/pages/sessions.js",)}
_ROOT: Final = "{{root}}"
_PRELOADS: Final = "{{preloads}}"

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFile:
    """One file, ready to be sent."""

    media_type: str
    content: bytes
    gzipped: bytes
    etag: str


class Bundle:
    """All static files below a folder.

    Args:
        base: The address under which they are served, without the digest.
        folder: Where they lie.
    """

    def __init__(self, base: str, folder: Path = FOLDER) -> None:
        self._base = base
        self._folder = folder
        self._files: dict[str, StaticFile] = {}
        self._pages: dict[str, StaticFile] = {}

    @cached_property
    def digest(self) -> str:
        """Return the digest of all names and contents."""
        whole = hashlib.sha256()
        for name in self._names:
            content = (self._folder / name).read_bytes()
            whole.update(f"{name}\0{len(content)}\0".encode() + content)
        return whole.hexdigest()[:DIGEST_DIGITS]

    def page(self, part: str = "") -> StaticFile:
        """Return the one page, which names the files by their digest.

        Args:
            part: The first part of the address below it; its modules are named as well, so that a
                browser need not find them one after the other.
        """
        part = part or _FIRST_PAGE
        if f"js/pages/{part}.js" not in self._names:
            part = ""
        if part not in self._pages:
            self._pages[part] = self._make_page(part)
        return self._pages[part]

    def _make_page(self, part: str) -> StaticFile:
        root = f"{self._base}/{self.digest}"
        text = (self._folder / PAGE).read_text(encoding="utf-8")
        links = "\n".join(
            f'    <link rel="modulepreload" href="{root}/{name}">'
            for name in self._early_modules(part)
        )
        return _ready(PAGE, text.replace(_PRELOADS, links.strip()).replace(_ROOT, root).encode())

    def find(self, name: str) -> StaticFile | None:
        """Return a file by its path below the folder, or None."""
        if name not in self._names or name == PAGE:
            return None
        if name not in self._files:
            self._files[name] = _ready(name, (self._folder / name).read_bytes())
        return self._files[name]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        paths = (path for path in self._folder.rglob("*") if path.is_file())
        return tuple(sorted(path.relative_to(self._folder).as_posix() for path in paths))

    def _early_modules(self, part: str) -> Iterator[str]:
        yield from _EARLY
        wanted = {*_EARLY_FOLDERS, f"js/pages/{part}.js", *_PARTS.get(part, ())}
        for name in self._names:
            path = PurePosixPath(name)
            if path.suffix == ".js" and {name, path.parent.as_posix()} & wanted:
                yield name


def _ready(name: str, content: bytes) -> StaticFile:
    return StaticFile(
        media_type=_MEDIA_TYPES[PurePosixPath(name).suffix],
        content=content,
        gzipped=gzip.compress(content, 9, mtime=0),
        etag=f'"{hashlib.sha256(content).hexdigest()[:DIGEST_DIGITS]}"',
    )
