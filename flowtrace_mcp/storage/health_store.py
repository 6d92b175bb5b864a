"""How the file of a database is, and when it was checked as a whole."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from flowtrace_mcp.storage import edges, file_health, meta
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.file_health import FilePages, TreePages

_CHECK: Final = "integrity_check"


class IntegrityCheck(msgspec.Struct, frozen=True, kw_only=True):
    """When the file was checked as a whole, and how many things were wrong."""

    at_us: int
    problems: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written since this process began to write.

    Attributes:
        log_bytes: Into the write-ahead log, by every process.
        grown_bytes: By which the used part of the file has grown; None where this process has
            written nothing.
    """

    log_bytes: int
    grown_bytes: int | None

    @property
    def amplification(self) -> float | None:
        """Return log bytes a byte of growth; None where nothing has grown."""
        if not self.grown_bytes or self.grown_bytes <= 0:
            return None
        return round(self.log_bytes / self.grown_bytes, 2)


class HealthStore:
    """Figures of the file of one database."""

    def __init__(self, database: Database, now_us: Callable[[], int]) -> None:
        self._database = database
        self._now_us = now_us

    def file_pages(self) -> FilePages:
        """Return the figures of the file's header."""
        with self._database.reading() as reader:
            return file_health.read_file_pages(reader)

    def list_trees(self) -> list[TreePages]:
        """Return every table and index, the largest first; the whole file is read for it."""
        with self._database.snapshot() as reader:
            return file_health.list_trees(reader)

    def span_times(self) -> tuple[int, int] | None:
        """Return when the first and the last span started, in microseconds; None without any."""
        with self._database.reading() as reader:
            return edges.find_first_and_last(reader)

    def note_check(self, problems: int) -> None:
        """Note that the file was checked as a whole, just now."""
        check = IntegrityCheck(at_us=self._now_us(), problems=problems)
        told = msgspec.json.encode(check).decode()
        self._database.write(lambda c: meta.update_meta(c, _CHECK, told))

    def find_check(self) -> IntegrityCheck | None:
        """Return when the file was checked last, None when it never was."""
        with self._database.reading() as reader:
            told = meta.find_meta(reader, _CHECK)
        return None if told is None else msgspec.json.decode(told, type=IntegrityCheck)

    def written(self) -> Written:
        """Return what was written since this process began to write."""
        log_bytes, began_bytes = self._database.written()
        if began_bytes is None:
            return Written(log_bytes=log_bytes, grown_bytes=None)
        pages = self.file_pages()
        used_bytes = (pages.page_count - pages.free_pages) * pages.page_bytes
        return Written(log_bytes=log_bytes, grown_bytes=used_bytes - began_bytes)
