"""Runs a tool: checks its arguments, finds out who calls, answers or says how to mend the call.

Importing this imports every use case, so the composition root does it after the first answer.
"""

import logging
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from flowtrace_mcp.errors import FlowtraceError, InputError, NotFoundError
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.tools import forget, recall, remember, status, traces
from flowtrace_mcp.tools.asked import Asked
from flowtrace_mcp.tools.calling import Callers
from flowtrace_mcp.tools.declaring import Arguments, Call, Tool

TOOLS: Final[tuple[Tool[Any], ...]] = (
    remember.TOOL,
    recall.TOOL,
    forget.TOOL,
    traces.TOOL,
    status.TOOL,
)
_BY_NAME: Final = {tool.name: tool for tool in TOOLS}
_FAULTS_SHOWN: Final = 3

_LOG: Final = logging.getLogger("flowtrace.tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a call came to.

    Attributes:
        text: The answer in a few lines, or what went wrong and how to mend it.
        structured: The answer as JSON; None for an error, which a model reads as text.
    """

    text: str
    structured: dict[str, Any] | None = None


class ToolRunner:
    """Runs tools on whatever thread calls.

    Args:
        open_context: Returns the means of the program; raises FlowtraceError.
        listener_facts: Who serves which port.
        callers: Tells who calls.
    """

    def __init__(
        self,
        open_context: Callable[[], Context],
        listener_facts: Callable[[], ListenerFacts],
        callers: Callers,
    ) -> None:
        self._open_context = open_context
        self._listener_facts = listener_facts
        self._callers = callers

    def run(self, asked: Asked, offered: Collection[str]) -> Done:
        """Run one call; whatever goes wrong is an answer that says so.

        Args:
            asked: The call.
            offered: Names of the tools of this server's profile.
        """
        try:
            return self._run(asked, offered)
        except FlowtraceError as error:
            return Done(text=str(error))
        except Exception:  # noqa: BLE001 - the edge of a call; the log has the cause
            _LOG.exception("the tool %s failed", asked.tool[:40])
            return Done(text=str(FlowtraceError("the tool failed", mend="see the log file")))

    def _run(self, asked: Asked, offered: Collection[str]) -> Done:
        tool = _BY_NAME.get(asked.tool) if asked.tool in offered else None
        if tool is None:
            raise NotFoundError(
                f"there is no tool {asked.tool[:40]!r}",
                why="this server has " + ", ".join(offered),
                mend="call one of these",
            )
        arguments = _checked(tool, asked)
        context = self._open_context()
        call = Call(
            context=context,
            caller=self._callers.caller_of(context, asked),
            listener_facts=self._listener_facts,
        )
        reply = tool.run(call, arguments)
        answer = reply.answer.model_dump(mode="json", exclude_defaults=True)
        return Done(text=reply.text, structured=answer)


def _checked(tool: Tool[Any], asked: Asked) -> Arguments:
    try:
        arguments: Arguments = tool.arguments.model_validate(asked.arguments)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        takes = ", ".join(tool.arguments.model_fields)
        raise InputError(
            f"cannot call {tool.name}",
            why="; ".join(_fault(fault) for fault in faults[:_FAULTS_SHOWN]),
            mend=f"correct the arguments; {tool.name} takes {takes or 'none'}",
        ) from error
    return arguments


def _fault(fault: Any) -> str:
    name = ".".join(str(part)[:40] for part in fault["loc"])
    said = {"missing": "is missing", "extra_forbidden": "is not known"}.get(fault["type"])
    return f"{name} {said}" if said else f"{name}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
