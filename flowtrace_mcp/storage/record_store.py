"""Whole memories out of the file and into it, page by page and batch by batch."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import apsw

from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.model.memory_lines import Arrival, LinkLine, MemoryLine, ProjectLine
from flowtrace_mcp.storage import memory_records, projects
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.memory_records import ArrivingMemory

PAGE_ROWS: Final = 200
_UNKNOWN_PROJECT: Final = -1


class RecordStore:
    """What leaves one database and arrives in another."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def count(self, project_id: int | None) -> int:
        """Return how many memories of a project there are, or (None) of all."""
        with self._database.reading() as reader:
            return memory_records.count_memory_lines(reader, project_id)

    def memory_lines(self, project_id: int | None) -> Iterator[MemoryLine]:
        """Yield every memory, in the order of the ids; a page at a time is in memory.

        Args:
            project_id: Of this project, 0 for the global ones; None = all.
        """
        after = b""
        while True:
            with self._database.reading() as reader:
                page = memory_records.list_memory_lines(reader, project_id, after, PAGE_ROWS)
            yield from page
            if len(page) < PAGE_ROWS:
                return
            after = bytes.fromhex(page[-1].id)

    def link_lines(self, project_id: int | None) -> Iterator[LinkLine]:
        """Yield every link of these memories, in the order of their ids."""
        after = b""
        while True:
            with self._database.reading() as reader:
                after, page = memory_records.list_link_lines(reader, project_id, after, PAGE_ROWS)
            yield from page
            if not after:
                return

    def judge_arrivals(self, arriving: Sequence[ArrivingMemory]) -> list[Arrival]:
        """Say what would become of memories that arrive, and change nothing."""
        with self._database.reading() as reader:
            return [
                memory_records.judge_arrival(
                    reader, one, _known_project(reader, one.line, _UNKNOWN_PROJECT)
                )
                for one in arriving
            ]

    def insert_arrivals(
        self, arriving: Sequence[ArrivingMemory], known: Mapping[str, ProjectLine], now_us: int
    ) -> list[Arrival]:
        """Store memories in one transaction and say what became of each.

        Args:
            arriving: Memories; the projects they name are made when the file lacks them.
            known: Identity -> what an export says of a project.
            now_us: When a project is made of which no export says it.
        """

        def job(connection: apsw.Connection) -> list[Arrival]:
            return [
                memory_records.insert_arrival(
                    connection, one, _made_project(connection, one, known, now_us)
                )
                for one in arriving
            ]

        return self._database.write(job)

    def insert_links(self, lines: Sequence[LinkLine]) -> Counter[bool]:
        """Store links in one transaction; count those whose memories are here, and the others."""

        def job(connection: apsw.Connection) -> Counter[bool]:
            return Counter(memory_records.insert_link_line(connection, line) for line in lines)

        return self._database.write(job)


def _known_project(reader: apsw.Connection, line: MemoryLine, unknown: int) -> int:
    if line.scope is ScopeName.GLOBAL:
        return 0
    found = projects.find_project_id(reader, line.project)
    return unknown if found is None else found


def _made_project(
    connection: apsw.Connection,
    arriving: ArrivingMemory,
    known: Mapping[str, ProjectLine],
    now_us: int,
) -> int:
    found = _known_project(connection, arriving.line, _UNKNOWN_PROJECT)
    if found != _UNKNOWN_PROJECT:
        return found
    identity = arriving.line.project
    told = known.get(identity)
    return projects.insert_project(
        connection,
        identity=identity,
        name=told.name if told else arriving.project_name,
        now_us=told.created_us if told else now_us,
    )
