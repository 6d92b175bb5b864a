"""The session files of agents that were read, in one database."""

from collections.abc import Mapping

from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.transcript_files import (
    ReadFile,
    find_file,
    insert_owners,
    list_owners,
    set_file,
)


class TranscriptStore:
    """How far each file has been read, and of which trace each call is."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, path: str) -> ReadFile | None:
        """Return how far a file was read, None when it never was."""
        with self._database.reading() as reader:
            return find_file(reader, path)

    def set(self, path: str, read: ReadFile) -> None:
        """Note how far a file has been read."""
        self._database.write(lambda connection: set_file(connection, path, read))

    def find_owners(self, calls: Mapping[int, int]) -> dict[int, int]:
        """Return span -> trace of those calls that a file told before; see ``own_calls``."""
        with self._database.reading() as reader:
            return list_owners(reader, calls)

    def own_calls(self, calls: Mapping[int, int]) -> dict[int, int]:
        """Note of which trace calls are that no file told before; return what holds of each.

        A session that was forked off another tells that one's calls again. It is known by this even
        when their spans are not there, for something else tells them better.

        Args:
            calls: Span -> trace, the lower halves of their ids as signed numbers.
        """
        owners = self.find_owners(calls)
        new = {span: trace for span, trace in calls.items() if span not in owners}
        if new:
            self._database.write(lambda connection: insert_owners(connection, new))
        return owners | new
