"""The tool `remember`: keep what should outlive the session."""

from typing import Annotated, Final, Literal

from pydantic import Field

from flowtrace_mcp.model.memory import MemoryKind, Outcome, ScopeName
from flowtrace_mcp.services.remember import Remembered, RememberRequest, remember
from flowtrace_mcp.tools.declaring import Answer, Arguments, Call, Reply, Texts, Tool, hints

_SAID: Final = {
    Outcome.NEW: "remembered",
    Outcome.SAME: "known already; counted once more",
    Outcome.REFINES: "remembered beside a near one; both stay in force",
    Outcome.SUPERSEDES: "remembered; the older one is retired",
    Outcome.CONFLICTS: "remembered, but an older one says otherwise; both stay in force",
}


class RememberArguments(Arguments):
    """What to keep, and where it holds."""

    content: Annotated[
        str, Field(description="The memory, in sentences that stand alone; kept word for word")
    ]
    kind: Annotated[
        Literal["decision", "fact", "preference", "fix", "gotcha", "plan", "note"],
        Field(description="What sort of memory"),
    ] = "note"
    topic: Annotated[
        str, Field(description="Key such as 'staging-db'; a later memory of it replaces this one")
    ] = ""
    scope: Annotated[
        Literal["repo", "branch", "global", "session"], Field(description="Where it holds")
    ] = "repo"
    files: Annotated[Texts, Field(description="Paths it is about")] = ()
    tags: Annotated[Texts, Field(description="Words to filter by")] = ()
    supersedes: Annotated[str, Field(description="Id of the memory that is no longer true")] = ""
    valid_from: Annotated[str, Field(description="ISO 8601: true since, if not now")] = ""
    valid_to: Annotated[str, Field(description="ISO 8601: true until")] = ""


class RememberAnswer(Answer):
    """What became of the memory."""

    id: str
    outcome: Literal["new", "same", "refines", "supersedes", "conflicts"]
    old_id: str = ""
    old_text: str = ""
    redactions: int = 0
    settle: str = ""


def _run(call: Call, arguments: RememberArguments) -> Reply:
    request = RememberRequest(
        content=arguments.content,
        kind=MemoryKind(arguments.kind),
        topic=arguments.topic,
        scope=ScopeName(arguments.scope),
        files=arguments.files,
        tags=arguments.tags,
        supersedes=arguments.supersedes,
        valid_from=arguments.valid_from or None,
        valid_to=arguments.valid_to or None,
    )
    remembered = remember(call.context, request, call.caller)
    return Reply(answer=_answer(remembered), text=_text(remembered))


def _answer(remembered: Remembered) -> RememberAnswer:
    is_told = remembered.outcome is not Outcome.SAME
    return RememberAnswer(
        id=remembered.id,
        outcome=remembered.outcome.value,
        old_id=remembered.old_id if is_told else "",
        old_text=remembered.old_text if is_told else "",
        redactions=remembered.redactions,
        settle=_settlement(remembered),
    )


def _settlement(remembered: Remembered) -> str:
    if remembered.outcome is not Outcome.CONFLICTS:
        return ""
    return f"ask which is true, then forget {remembered.old_id} or {remembered.id}"


def _text(remembered: Remembered) -> str:
    lines = [f"{remembered.id}: {_SAID[remembered.outcome]}"]
    if remembered.old_id and remembered.outcome is not Outcome.SAME:
        lines.append(f"{remembered.old_id} (older): {remembered.old_text}")
    if settlement := _settlement(remembered):
        lines.append(f"To settle it, {settlement}.")
    if remembered.redactions:
        lines.append(f"Secrets taken out before storing: {remembered.redactions}.")
    return "\n".join(lines)


TOOL: Final = Tool(
    name="remember",
    description=(
        "Call as soon as a decision is made, the user states a preference or corrects you, a bug's"
        " cause or fix is found, or a fact about this project proves costly to rediscover. Keeps it"
        " for later sessions, secrets removed, and says whether it repeats, replaces or contradicts"
        " what was known."
    ),
    arguments=RememberArguments,
    answer=RememberAnswer,
    annotations=hints(reads=False),
    run=_run,
    is_always_loaded=True,
)
