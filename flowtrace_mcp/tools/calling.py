"""Who calls: read from the request, the environment and the folder we run in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flowtrace_mcp.model.ids import SPAN_ID_BYTES, TRACE_ID_BYTES
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
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?"
)


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
        trace_id, span_id = _span_of(asked.meta)
        return Caller(
            project=self._project_of(context, asked),
            session=self._session_of(asked),
            agent=_name(asked.client),
            tool_call_id=_name(asked.meta.get("claudecode/toolUseId")),
            trace_id=trace_id,
            span_id=span_id,
        )

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
            folder = folder_of(self._environ, self._working_folder)
            self._project = (now_us, project_of(folder, named))
        return self._project[1]


def _name(told: Any) -> str:
    return storable(told)[:NAME_CHARACTERS] if isinstance(told, str) else ""


def _span_of(meta: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """Return the ids of the span that calls (W3C Trace Context), or b"" for both."""
    told = meta.get("traceparent")
    found = _TRACEPARENT.fullmatch(told) if isinstance(told, str) else None
    if found is None:
        return b"", b""
    trace_id, span_id = bytes.fromhex(found[1]), bytes.fromhex(found[2])
    if trace_id == bytes(TRACE_ID_BYTES) or span_id == bytes(SPAN_ID_BYTES):
        return b"", b""
    return trace_id, span_id
