"""What `flowtrace hook` says as a session begins while nobody listens: memory read by itself.

The server that an agent starts for its only session is not there yet when the session's first
hook runs. The event is in the spool by now; here it is only answered.
"""

import time
from pathlib import Path

import msgspec

from flowtrace_mcp.cli.program import Program
from flowtrace_mcp.ingest.hook_reading import read_hook
from flowtrace_mcp.services.hook_answers import answer_to
from flowtrace_mcp.services.projects import project_of


def answer_alone(program: Program, agent: str, event: bytes, folder: str, project: str) -> bytes:
    """Return what to tell the agent in its own format; empty for nothing.

    Args:
        program: It needs no model: what a session starts with is not found by meaning.
        agent: A key of ``PARSERS``.
        event: What the agent wrote.
        folder: The agent's project, where its environment says it.
        project: What the user calls it, or "".

    Raises:
        FlowtraceError: The settings or the file are wrong.
    """
    settings = program.settings
    if not settings.db_path.exists():  # nothing is remembered, and a hook makes no file
        return b""
    read, _ = read_hook(agent, event, time.time_ns() // 1000)
    named = project or settings.project
    answer = answer_to(
        program.context(), read, lambda: project_of(Path(folder or read.folder), named)
    )
    return b"" if answer is None else msgspec.json.encode(answer)
