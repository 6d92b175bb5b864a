"""The door of the agents' hooks; `hook_events` takes them."""

import threading
from typing import Any, Final

from flowtrace_mcp.rest.declared import DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import loaded
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context

TIME: Final = Parameter(name="time_us", form="integer", means="when it happened")
FOLDER: Final = Parameter(name="folder", means="where the agent works")
PROJECT: Final = Parameter(name="project", means="the project, where the folder is not to say it")


def hook_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the route that takes hook events."""
    doors: list[Any] = []  # one, made when the first event comes
    lock = threading.Lock()

    def take(context: Context, question: Question) -> object:
        with lock:
            if not doors:
                doors.append(loaded("hook_events", "HookDoor")(context))
        return doors[0].take(question)

    return [
        endpoints.post(
            "/api/v1/hooks/{agent}",
            take,
            TIME,
            FOLDER,
            PROJECT,
            body="an event of the agent as it is",
            says=(
                '`{"hook"}`: what to tell the agent, or null; `"kept": false` where it is not on'
                " disk yet ([hooks.md](hooks.md))"
            ),
        )
    ]
