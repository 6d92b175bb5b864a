"""The door of the agents' hooks."""

import threading
from typing import Final

from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.ingest.hook_reading import PARSERS
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.rest.declared import DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk

_TIME: Final = Parameter(name="time_us", form="integer", means="when it happened")
_FOLDER: Final = Parameter(name="folder", means="where the agent works")
_PROJECT: Final = Parameter(name="project", means="the project, where the folder is not to say it")


def hook_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the route that takes hook events."""
    desks: list[HookDesk] = []  # one, made when the first event comes
    lock = threading.Lock()

    def desk_of(context: Context) -> HookDesk:
        with lock:
            if not desks:
                desks.append(HookDesk(context))
            return desks[0]

    def take(context: Context, question: Question) -> object:
        taken = desk_of(context).take(_delivery(question))
        # The hook's process looks for these very bytes, in this order: see ``hook_sender``.
        return {"hook": taken.answer} | ({} if taken.is_kept else {"kept": False})

    return [
        endpoints.post(
            "/api/v1/hooks/{agent}",
            take,
            _TIME,
            _FOLDER,
            _PROJECT,
            body="an event of the agent as it is",
            says=(
                '`{"hook"}`: what to tell the agent, or null; `"kept": false` where it is not on'
                " disk yet ([hooks.md](hooks.md))"
            ),
        )
    ]


def _delivery(question: Question) -> HookDelivery:
    """Return the event of a request; its body may be anything.

    Raises:
        InputError: The query has another name in it.
        NotFoundError: No such agent.
    """
    agent = question.path["agent"]
    if agent not in PARSERS:
        raise NotFoundError(
            f"there is no agent {agent[:40]!r}",
            why="agents with hooks are " + ", ".join(PARSERS),
            mend="use one of these names",
        )
    told = question.text(_TIME)
    return HookDelivery(
        agent=agent,
        body=question.body,
        time_us=int(told) if told.isascii() and told.isdigit() and len(told) < 20 else 0,
        folder=storable(question.text(_FOLDER)),
        project=storable(question.text(_PROJECT)),
    )
