"""Events of agents' hooks as they come over HTTP."""

from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.ingest.hook_reading import PARSERS
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.rest.hooks import FOLDER, PROJECT, TIME
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk


class HookDoor:
    """Takes events to the desk.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._desk = HookDesk(context)

    def take(self, question: Question) -> object:
        """Take one event, and answer with what its agent is to be told."""
        taken = self._desk.take(_delivery(question))
        # The hook's process looks for these very bytes, in this order: see ``hook_sender``.
        return {"hook": taken.answer} | ({} if taken.is_kept else {"kept": False})


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
    told = question.text(TIME)
    return HookDelivery(
        agent=agent,
        body=question.body,
        time_us=int(told) if told.isascii() and told.isdigit() and len(told) < 20 else 0,
        folder=storable(question.text(FOLDER)),
        project=storable(question.text(PROJECT)),
    )
