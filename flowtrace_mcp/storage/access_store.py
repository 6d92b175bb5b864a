"""Keys and the record of who did what, of one database."""

import logging
from collections.abc import Sequence
from typing import Final

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.storage import api_keys, audit
from flowtrace_mcp.storage.api_keys import ApiKey
from flowtrace_mcp.storage.audit import AuditEntry
from flowtrace_mcp.storage.database import Database

_log: Final = logging.getLogger(__name__)


class AccessStore:
    """Keys and audit entries of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert_key(self, key: ApiKey, digest: bytes) -> None:
        """Keep a key under the digest of its secret."""
        self._database.write(lambda c: api_keys.insert_key(c, key, digest))

    def find_key(self, digest: bytes) -> ApiKey | None:
        """Return the key of a digest, revoked or not, or None."""
        with self._database.reading() as reader:
            return api_keys.find_key(reader, digest)

    def list_keys(self) -> list[ApiKey]:
        """Return the keys, newest first."""
        with self._database.reading() as reader:
            return api_keys.list_keys(reader)

    def revoke_key(self, key_id: str, now_us: int) -> bool:
        """Let a key open nothing from now on; say whether it did until now."""
        return self._database.write(lambda c: api_keys.revoke_key(c, key_id, now_us))

    def insert_entries(self, entries: Sequence[AuditEntry]) -> None:
        """Keep audit entries, durably."""
        self._database.write(lambda c: audit.insert_entries(c, entries))

    def note(self, entry: AuditEntry) -> None:
        """Queue an entry; nobody waits for it, and a queue that is full lets it go to the log."""
        try:
            self._database.submit(lambda c: audit.insert_entries(c, [entry]))
        except FlowtraceError as error:
            _log.warning("not in the audit record: %s %s (%s)", entry.who, entry.what, error)

    def list_entries(self, below_id: int, since_us: int, limit: int) -> list[AuditEntry]:
        """Return audit entries newest first, those with a smaller number."""
        with self._database.reading() as reader:
            return audit.list_entries(reader, below_id, since_us, limit)

    def count_entries(self, since_us: int) -> list[tuple[str, str, int]]:
        """Return (who, action, how often) since a time."""
        with self._database.reading() as reader:
            return audit.count_entries(reader, since_us)
