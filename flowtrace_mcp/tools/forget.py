"""The tool `forget`: retire a memory, or remove it for good."""

from typing import Annotated, Final

from pydantic import Field

from flowtrace_mcp.services.forget import ForgetRequest, forget
from flowtrace_mcp.tools.declaring import Answer, Arguments, Call, Reply, Tool, hints


class ForgetArguments(Arguments):
    """Which memory to forget, and how thoroughly."""

    id: Annotated[str, Field(description="Id from a recall answer")] = ""
    query: Annotated[str, Field(description="Instead of id: what exactly one memory says")] = ""
    reason: Annotated[str, Field(description="Why; kept with the retired memory")] = ""
    hard: Annotated[
        bool, Field(description="Erase it from text, vectors and log: only if the user asks")
    ] = False


class ForgetAnswer(Answer):
    """What was forgotten."""

    id: str
    text: str
    hard: bool = False


def _run(call: Call, arguments: ForgetArguments) -> Reply:
    request = ForgetRequest(
        id=arguments.id, query=arguments.query, reason=arguments.reason, hard=arguments.hard
    )
    gone = forget(call.context, request, call.caller)
    done = "erased for good" if gone.is_hard else "retired; it can still be opened by its id"
    return Reply(
        answer=ForgetAnswer(id=gone.id, text=gone.text, hard=gone.is_hard),
        text=f"{gone.id}: {done}\n{gone.text}",
    )


TOOL: Final = Tool(
    name="forget",
    description=(
        "Call when the user says that a memory is wrong or should go, or when one has proved false"
        " and nothing replaces it (to replace it, call remember with supersedes). Retires one"
        " memory and keeps its history; hard erases it."
    ),
    arguments=ForgetArguments,
    answer=ForgetAnswer,
    annotations=hints(reads=False, destroys=True),
    run=_run,
)
