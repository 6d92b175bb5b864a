"""Runs a tool: checks its arguments, finds out who calls, answers or says how to mend the call.

Importing this imports every use case, so the composition root does it after the first answer.
"""

import logging
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from flowtrace_mcp.errors import FlowtraceError, InputError, NotFoundError
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.self_traces import ToolRun
from flowtrace_mcp.services.status import ListenerFacts
from flowtrace_mcp.tools import backup, costs, forget, recall, remember, status, traces
from flowtrace_mcp.tools.asked import Asked
from flowtrace_mcp.tools.calling import Callers
from flowtrace_mcp.tools.declaring import Arguments, Call, Tool
from flowtrace_mcp.tools.prompts import prompt_text
from flowtrace_mcp.tools.resources import read_resource

TOOLS: Final[tuple[Tool[Any], ...]] = (
    remember.TOOL,
    recall.TOOL,
    forget.TOOL,
    traces.TOOL,
    status.TOOL,
    costs.TOOL,
    backup.TOOL,
)
_BY_NAME: Final = {tool.name: tool for tool in TOOLS}
_FAULTS_SHOWN: Final = 3
_NAME_CHARACTERS: Final = 40

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


@dataclass(slots=True)
class _Course:
    """How a call went, as far as it went."""

    error_code: str = ""
    store: str = ""  # the caller's project
    work_ns: list[int] = field(default_factory=list)  # begin and end of the use case


class ToolRunner:
    """Runs tools on whatever thread calls.

    Args:
        open_context: Returns the means of the program; raises FlowtraceError.
        listener_facts: Who serves which port.
        callers: Tells who calls.
        note: Is told of every call once it is answered.
        now_ns: Nanoseconds since the epoch.
    """

    def __init__(
        self,
        open_context: Callable[[], Context],
        listener_facts: Callable[[], ListenerFacts],
        callers: Callers,
        note: Callable[[ToolRun], None] = lambda _: None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._open_context = open_context
        self._listener_facts = listener_facts
        self._callers = callers
        self._note = note
        self._now_ns = now_ns

    def run(self, asked: Asked, offered: Collection[str]) -> Done:
        """Run one call; whatever goes wrong is an answer that says so.

        Args:
            asked: The call.
            offered: Names of the tools of this server's profile.
        """
        start_ns, course = self._now_ns(), _Course()
        done = self._answer(asked, offered, course)
        self._note(self._tool_run(asked, start_ns, course, done))
        return done

    def read_resource(self, asked: Asked, uri: str) -> str:
        """Return the JSON text of a resource.

        Raises:
            FlowtraceError: There is none, or it cannot be read now.
        """
        return read_resource(self._call_of(asked), uri)

    def prompt_text(self, asked: Asked, name: str, arguments: Mapping[str, str]) -> str:
        """Return the message of a prompt.

        Raises:
            FlowtraceError: There is none, or it cannot be written now.
        """
        return prompt_text(self._call_of(asked), name, arguments)

    def _call_of(self, asked: Asked) -> Call:
        context = self._open_context()
        return Call(
            context=context,
            caller=self._callers.caller_of(context, asked),
            listener_facts=self._listener_facts,
        )

    def _answer(self, asked: Asked, offered: Collection[str], course: _Course) -> Done:
        try:
            return self._run(asked, offered, course)
        except FlowtraceError as error:
            failure = error
        except Exception:  # noqa: BLE001 - the edge of a call; the log has the cause
            _LOG.exception("the tool %s failed", asked.tool[:_NAME_CHARACTERS])
            failure = FlowtraceError("the tool failed", mend="see the log file")
        course.error_code = failure.code
        return Done(text=str(failure))

    def _tool_run(self, asked: Asked, start_ns: int, course: _Course, done: Done) -> ToolRun:
        origin = self._callers.origin_of(asked)
        end_ns = self._now_ns()
        begin = next(iter(course.work_ns), None)
        return ToolRun(
            tool=storable(asked.tool)[:_NAME_CHARACTERS],
            start_ns=start_ns,
            end_ns=end_ns,
            arguments=asked.arguments,
            answer=done.structured,
            error_code=course.error_code,
            work_ns=None if begin is None else (begin, course.work_ns[-1]),
            session=origin.session,
            is_agent_session=origin.is_agent_session,
            agent=origin.agent,
            store=course.store,
            tool_call_id=origin.tool_call_id,
            trace_id=origin.trace_id,
            span_id=origin.span_id,
            request_id=asked.request_id,
            protocol=asked.protocol,
            http_session=origin.http_session,
        )

    def _run(self, asked: Asked, offered: Collection[str], course: _Course) -> Done:
        tool = _BY_NAME.get(asked.tool) if asked.tool in offered else None
        if tool is None:
            raise NotFoundError(
                f"there is no tool {asked.tool[:_NAME_CHARACTERS]!r}",
                why="this server has " + ", ".join(offered),
                mend="call one of these",
            )
        arguments = _checked(tool, asked)
        call = self._call_of(asked)
        course.store = call.caller.project.name
        course.work_ns.append(self._now_ns())
        try:
            reply = tool.run(call, arguments)
        finally:
            course.work_ns.append(self._now_ns())
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
