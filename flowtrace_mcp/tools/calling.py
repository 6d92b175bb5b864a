"""Who calls: read from the request, the environment and the folder we run in."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from flowtrace_mcp.model.ids import parse_traceparent
from flowtrace_mcp.model.project import ProjectIdentity, identify_project
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.projects import folder_of, project_of
from flowtrace_mcp.tools.asked import Asked

NAME_CHARACTERS: Final = 200
# Git is asked again after this long: a branch changes while a server runs.
PROJECT_FRESH_US: Final = 30_000_000
PROJECT_HEADER: Final = "x-flowtrace-project"
# The project of those who come over HTTP and name none: our own folder says nothing of theirs.
UNNAMED_PROJECT: Final = "http"
_SESSION_HEADER: Final = "mcp-session-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a request itself says of where it comes from; "" = nothing."""

    session: str
    is_agent_session: bool  # the agent named it, and calls it so elsewhere
    agent: str
    tool_call_id: str
    trace_id: bytes
    span_id: bytes
    http_session: str | None  # None = over stdio


class Callers:
    """Tells who a call comes from.

    Args:
        environ: Environment variables of the process that an editor started.
        working_folder: Where that process runs.
        process_session: The session of those who name none.
    """

    def __init__(
        self, environ: Mapping[str, str], working_folder: Path, process_session: str
    ) -> None:
        self._environ = environ
        self._working_folder = working_folder
        self._process_session = process_session
        self._project: tuple[int, ProjectIdentity] | None = None

    def caller_of(self, context: Context, asked: Asked) -> Caller:
        """Return who asks, as far as can be known."""
        origin = self.origin_of(asked)
        folder = "" if asked.headers is not None else str(self._folder())
        return Caller(
            project=self._project_of(context, asked),
            session=origin.session,
            agent=origin.agent,
            tool_call_id=origin.tool_call_id,
            trace_id=origin.trace_id,
            span_id=origin.span_id,
            folder=folder,
        )

    def origin_of(self, asked: Asked) -> Origin:
        """Return where a call comes from; nothing is opened and nothing run for it."""
        trace_id, span_id = parse_traceparent(asked.meta.get("traceparent"))
        session, headers = self._session_of(asked), asked.headers
        http_session = None if headers is None else _name(headers.get(_SESSION_HEADER))
        return Origin(
            session=session,
            is_agent_session=session not in (self._process_session, http_session),
            agent=_name(asked.client),
            tool_call_id=_name(asked.meta.get("claudecode/toolUseId")),
            trace_id=trace_id,
            span_id=span_id,
            http_session=http_session,
        )

    def _folder(self) -> Path:
        return folder_of(self._environ, self._working_folder)

    def _session_of(self, asked: Asked) -> str:
        told = _name(asked.meta.get("threadId"))
        if asked.headers is not None:
            return told or _name(asked.headers.get(_SESSION_HEADER)) or self._process_session
        return told or self._environ.get("CLAUDE_CODE_SESSION_ID") or self._process_session

    def _project_of(self, context: Context, asked: Asked) -> ProjectIdentity:
        named = context.settings.project
        if asked.headers is not None:
            named = _name(asked.headers.get(PROJECT_HEADER)) or named or UNNAMED_PROJECT
            return identify_project(named=named, remote="", common_dir="", folder="", branch="")
        now_us = context.now_us()
        if self._project is None or now_us - self._project[0] > PROJECT_FRESH_US:
            self._project = (now_us, project_of(self._folder(), named))
        return self._project[1]


def _name(told: Any) -> str:
    return storable(told)[:NAME_CHARACTERS] if isinstance(told, str) else ""
