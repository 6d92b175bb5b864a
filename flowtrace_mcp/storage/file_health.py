"""The honest figures of the file: pages, log, free list, and what each table takes."""

from dataclasses import dataclass
from typing import Final

import apsw

# In an index, and in a table without rowids, an entry of an inner page is a row of its own.
_TABLES: Final = """
    SELECT s.name, s.tbl_name, s.type, count(*), sum(d.pgsize), sum(d.unused),
        sum(iif(d.pagetype = 'leaf', d.ncell, 0)),
        sum(iif(d.pagetype = 'internal', d.ncell, 0)),
        s.type = 'index' OR s.sql LIKE '%WITHOUT ROWID%'
    FROM dbstat AS d JOIN sqlite_schema AS s ON s.name = d.name
    GROUP BY s.name ORDER BY sum(d.pgsize) DESC, s.name LIMIT ?
"""
_TOUCH: Final = "SELECT name FROM sqlite_schema LIMIT 1"
TABLES_LIMIT: Final = 500
_MODES: Final = {0: "none", 1: "full", 2: "incremental"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePages:
    """What the header of the file says."""

    page_bytes: int
    page_count: int
    free_pages: int
    auto_vacuum: str  # none, full, incremental
    log_pages: int | None  # of the write-ahead log; None where nothing has opened it yet
    waiting_pages: int | None  # of these, not copied back yet


@dataclass(frozen=True, slots=True, kw_only=True)
class TreePages:
    """One table or index."""

    name: str
    table: str  # that it is, or is an index of
    kind: str  # table, index
    pages: int
    total_bytes: int
    unused_bytes: int
    rows: int


def read_file_pages(reader: apsw.Connection) -> FilePages:
    """Return the figures of the file; nothing is read but its header, nothing written."""
    reader.execute(_TOUCH).fetchall()  # opens the log, which the next asks about
    log_pages, copied = reader.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_NOOP)
    is_known = log_pages >= 0
    return FilePages(
        page_bytes=int(reader.pragma("page_size")),
        page_count=int(reader.pragma("page_count")),
        free_pages=int(reader.pragma("freelist_count")),
        auto_vacuum=_MODES.get(int(reader.pragma("auto_vacuum")), "none"),
        log_pages=log_pages if is_known else None,
        waiting_pages=log_pages - copied if is_known else None,
    )


def list_trees(reader: apsw.Connection) -> list[TreePages]:
    """Return every table and index, the largest first; the whole file is read for it."""
    return [
        TreePages(
            name=name,
            table=table,
            kind=kind,
            pages=pages,
            total_bytes=total_bytes,
            unused_bytes=unused_bytes,
            rows=leaf_cells + (inner_cells if counts_inner else 0),
        )
        for (
            name,
            table,
            kind,
            pages,
            total_bytes,
            unused_bytes,
            leaf_cells,
            inner_cells,
            counts_inner,
        ) in reader.execute(_TABLES, (TABLES_LIMIT,))
    ]
