"""What a command is given: the program it drives, and where its answer goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flowtrace_mcp.cli.output import Output
from flowtrace_mcp.model.ids import parse_traceparent
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.projects import folder_of, project_of
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.settings import Settings


class Program(Protocol):
    """One process of Flowtrace, as the composition root builds it."""

    @property
    def environ(self) -> Mapping[str, str]:
        """Return the environment variables that the settings are read from."""

    @property
    def settings(self) -> Settings:
        """Return the settings; raises ``SettingsError``."""

    def context(self) -> Context:
        """Return the means of the use cases, opening the database; raises ``FlowtraceError``."""

    def listener_facts(self) -> ListenerFacts:
        """Return who serves which port."""

    def serve_stdio(self) -> None:
        """Serve MCP on stdin and stdout until the client goes."""

    def serve_forever(self) -> None:
        """Listen in the foreground until a signal."""

    def warm_up(self) -> None:
        """Open the database and the ports on a thread."""

    def wait_until_warm(self, limit_s: float) -> bool:
        """Say whether it is known, within the limit, who serves the ports."""

    def close(self) -> None:
        """End what was started."""


class OpenProgram(Protocol):
    """Builds a program; starts nothing yet."""

    def __call__(
        self, environ: Mapping[str, str], *, db_path: Path | None, listen: bool
    ) -> Program:
        """Return a program that has read and opened nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One run of a command."""

    program: Program
    output: Output
    folder: Path  # where the command was typed

    def caller(self) -> Caller:
        """Return who asks: a person in a folder, and thereby a project.

        An agent that runs the command in its shell is told by what its environment says.
        """
        environ = self.program.environ
        folder = folder_of(environ, self.folder)
        trace_id, span_id = parse_traceparent(environ.get("TRACEPARENT"))
        return Caller(
            project=project_of(folder, self.program.settings.project),
            session=storable(environ.get("CLAUDE_CODE_SESSION_ID", "")),
            agent="cli",
            trace_id=trace_id,
            span_id=span_id,
            folder=str(folder),
        )
