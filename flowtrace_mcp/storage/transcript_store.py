"""The session files of agents that were read, in one database."""

from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.transcript_files import ReadFile, find_file, set_file


class TranscriptStore:
    """How far each file has been read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, path: str) -> ReadFile | None:
        """Return how far a file was read, None when it never was."""
        with self._database.reading() as reader:
            return find_file(reader, path)

    def set(self, path: str, read: ReadFile) -> None:
        """Note how far a file has been read."""
        self._database.write(lambda connection: set_file(connection, path, read))
