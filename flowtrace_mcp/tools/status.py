"""The tool `status`: how this Flowtrace is, and what is still switched off."""

from typing import Any, Final

from pydantic import Field

from flowtrace_mcp.services.status import ModelChange, Status, status
from flowtrace_mcp.tools.declaring import Answer, Arguments, Call, Reply, Tool, hints


class StatusArguments(Arguments):
    """Nothing."""


class StatusAnswer(Answer):
    """Health, counts, ports, model, and how to switch on what is off."""

    health: str
    version: str
    problems: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    listener: dict[str, Any]
    stored: dict[str, int]
    model: str
    pending_embeddings: int = 0
    model_change: dict[str, Any] = Field(default_factory=dict)
    switch_on: dict[str, str] = Field(default_factory=dict)


def _run(call: Call, arguments: StatusArguments) -> Reply:
    del arguments
    found = status(call.context, call.listener_facts())
    answer = _answer(found)
    return Reply(answer=answer, text=_text(answer))


def _answer(found: Status) -> StatusAnswer:
    listener, store = found.listener, found.store
    ports = {
        "owner_pid": listener.owner_pid,
        "rest": listener.rest_port,
        "otlp_http": listener.otlp_http_port,
        "otlp_grpc": listener.otlp_grpc_port,
    }
    return StatusAnswer(
        health=found.health,
        version=found.version,
        problems=found.problems,
        budgets=found.budgets,
        listener={name: number for name, number in ports.items() if number is not None},
        stored={
            "memories": store.memory_count,
            "spans": store.span_count,
            "traces": store.trace_count,
            "sessions": store.session_count,
            "logs": store.log_count,
            "metric_points": store.metric_point_count,
            "file_bytes": store.file_bytes,
            "log_bytes": store.log_bytes,
        },
        model=f"{found.embedder} ({found.embedder_state})",
        pending_embeddings=found.pending_embeddings,
        model_change=_change(found.model_change),
        switch_on=dict(found.switch_on),
    )


def _change(change: ModelChange | None) -> dict[str, Any]:
    if change is None:
        return {}
    return {
        "from": change.from_embedder,
        "to": change.to_embedder,
        "done": change.done,
        "total": change.total,
    }


def _text(answer: StatusAnswer) -> str:
    counts = ", ".join(f"{name} {number}" for name, number in answer.stored.items())
    ports = ", ".join(f"{name} {number}" for name, number in answer.listener.items())
    lines = [
        f"flowtrace {answer.version}: {answer.health}",
        f"listener: {ports or 'none yet'}",
        f"stored: {counts}",
        f"model: {answer.model}",
    ]
    if answer.model_change:
        told = "{from} to {to}, {done} of {total} memories".format(**answer.model_change)
        lines.append(f"model change: {told}; words find the others")
    lines += [f"problem: {problem}" for problem in answer.problems]
    lines += answer.budgets
    lines += [f"to see {agent}'s traces, set: {how}" for agent, how in answer.switch_on.items()]
    return "\n".join(lines)


TOOL: Final = Tool(
    name="status",
    description=(
        "Call when memory or traces seem missing or slow, or when the user asks how to connect an"
        " agent: it tells health, ports, counts, sizes, the embedding model, and the exact settings"
        " that each coding agent still needs to send its traces."
    ),
    arguments=StatusArguments,
    answer=StatusAnswer,
    annotations=hints(reads=True, repeats=True),
    run=_run,
)
