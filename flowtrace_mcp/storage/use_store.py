"""What was used hour by hour: sums in, and hours counted again out of sight of who waits."""

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from flowtrace_mcp.storage import project_hours, prompt_calls, sessions, use_hours
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.project_hours import ProjectHour
from flowtrace_mcp.storage.use_hours import Dimension, UseFilter, UseSum

if TYPE_CHECKING:
    from flowtrace_mcp.storage.calls import Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class HourCheck:
    """Whether the rows of an hour say what its spans say."""

    hour_us: int
    row_count: int
    is_equal: bool


class UseStore:
    """Sums of tokens, cost and calls of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list_uses(self, by: Dimension, wanted: UseFilter, limit: int) -> list[UseSum]:
        """Return sums by one dimension, in the order of its values."""
        with self._database.reading() as reader:
            return use_hours.list_uses(reader, by, wanted, limit)

    def list_used(self, since_us: int, limit: int) -> list[tuple[int, int, int]]:
        """Return (model, tool, provider) as they were used together, 0 for none."""
        with self._database.reading() as reader:
            return use_hours.list_used(reader, since_us, limit)

    def list_dearest_sessions(self, wanted: UseFilter, limit: int) -> list[sessions.SessionRollup]:
        """Return sessions that began in a window, those that cost most first."""
        window_us = (wanted.since_us, wanted.until_us)
        with self._database.reading() as reader:
            return sessions.list_dearest_sessions(reader, window_us, wanted.project_id, limit)

    def list_prompt_uses(self, wanted: UseFilter) -> list[UseSum]:
        """Return what calls used by the version of their prompt and day."""
        with self._database.reading() as reader:
            return prompt_calls.list_prompt_uses(reader, wanted)

    def list_model_calls(self, wanted: UseFilter, limit: int) -> "Calls":
        """Return calls of models of a window one by one, newest first."""
        with self._database.reading() as reader:
            found: Calls = _calls().list_model_calls(reader, wanted, limit)
        return found

    def list_tool_calls(self, wanted: UseFilter, limit: int) -> "Calls":
        """Return executions of tools of a window one by one, newest first."""
        with self._database.reading() as reader:
            found: Calls = _calls().list_tool_calls(reader, wanted, limit)
        return found

    def list_project_hours(self, wanted: UseFilter, limit: int) -> list[ProjectHour]:
        """Return hours of a project (None: of all) with their sketches, oldest first."""
        window_us = (wanted.since_us, wanted.until_us)
        with self._database.reading() as reader:
            return project_hours.list_project_hours(reader, wanted.project_id, window_us, limit)

    def list_stale(self, limit: int) -> list[int]:
        """Return hours that wait to be counted again, the newest first."""
        with self._database.reading() as reader:
            return use_hours.list_stale(reader, limit)

    def list_hours(self, after_us: int, limit: int) -> list[int]:
        """Return hours in which something was used, from after one on."""
        with self._database.reading() as reader:
            return use_hours.list_hours(reader, after_us, limit)

    def recount(self, hour_us: int) -> None:
        """Make the sums of an hour again from its spans; others write while they are counted."""
        self._database.write(lambda connection: use_hours.begin_count(connection, hour_us))
        with self._database.snapshot() as reader:
            counted = use_hours.count_again(reader, hour_us)
        self._database.write(lambda connection: use_hours.put_counted(connection, counted))

    def check(self, hour_us: int) -> HourCheck:
        """Hold the sums of an hour against its spans."""
        with self._database.snapshot() as reader:
            stored = use_hours.list_use_rows(reader, hour_us)
            counted = use_hours.count_hour(reader, hour_us)
        return HourCheck(
            hour_us=hour_us,
            row_count=len(counted),
            is_equal=use_hours.are_equal(stored, counted),
        )


def _calls() -> ModuleType:
    """Return what reads calls one by one; it is loaded to be asked."""
    return importlib.import_module("flowtrace_mcp.storage.calls")
