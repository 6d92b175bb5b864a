"""What ranking asks of a memory that was found, and which memories stand around it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import apsw
import msgspec

from flowtrace_mcp.model.memory import MemoryFilter
from flowtrace_mcp.storage.memories import VISIBLE, filter_parameters
from flowtrace_mcp.storage.rows import int_array

# Of a longer text the beginning is enough to know a question or a word of time by.
BEGINNING_CHARACTERS: Final = 300
_TRAITS: Final = f"""
    m.memory_key, m.session, m.sequence, m.author, m.valid_from_us,
    iif(length(m.content) <= {BEGINNING_CHARACTERS}, m.content,
        substr(m.content, 1, {BEGINNING_CHARACTERS}) || '…')
"""
_BY_KEYS: Final = f"""
    SELECT {_TRAITS} FROM carray(:keys) AS wanted
    CROSS JOIN memories AS m ON m.memory_key = wanted.value
"""
# By itself SQLite takes the index by time, which finds the whole project for each place.
_AT_PLACES: Final = f"""
    SELECT {_TRAITS} FROM json_each(:places) AS place
    CROSS JOIN memories AS m INDEXED BY memories_by_session ON m.project_id = :project
        AND m.session = place.value ->> 0 AND m.sequence = place.value ->> 1
    WHERE {VISIBLE} ORDER BY m.memory_key LIMIT :limit
"""


class Traits(NamedTuple):
    """A memory as ranking sees it; a tuple, for a question looks at hundreds."""

    key: int
    session: str  # "" = none
    sequence: int
    author: str
    valid_from_us: int
    beginning: str


def list_traits(reader: apsw.Connection, keys: Sequence[int]) -> list[Traits]:
    """Return the traits of those memories that exist."""
    return [Traits(*row) for row in reader.execute(_BY_KEYS, {"keys": int_array(keys)})]


def list_at_places(
    reader: apsw.Connection, places: Sequence[tuple[str, int]], wanted: MemoryFilter, limit: int
) -> list[Traits]:
    """Return the traits of memories of the asking project that stand at certain places.

    Args:
        reader: A read connection.
        places: Sessions and sequence numbers in them.
        wanted: Which memories may be seen.
        limit: At most so many.
    """
    parameters = {
        **filter_parameters(wanted),
        "places": msgspec.json.encode(places).decode(),
        "limit": limit,
    }
    return [Traits(*row) for row in reader.execute(_AT_PLACES, parameters)]
