"""How this Flowtrace is: what it holds, who listens, what an agent still has to switch on."""

import importlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from flowtrace_mcp import __version__
from flowtrace_mcp.services.budget_words import reached_lines
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.spool_state import spool_problem
from flowtrace_mcp.storage.memory_vectors import Embedded
from flowtrace_mcp.storage.store import StoreFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerFacts:
    """Who serves which port; a port of None is not served by us."""

    owner_pid: int | None = None
    is_here: bool = False  # this very process
    rest_port: int | None = None
    otlp_http_port: int | None = None
    otlp_grpc_port: int | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """How far a new embedder has come; until it is done, words find what it has not read."""

    from_embedder: str
    to_embedder: str
    done: int  # memories
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """An answer to `status`."""

    health: str  # ok, degraded
    version: str
    store: StoreFacts
    listener: ListenerFacts
    embedder: str
    embedder_state: str
    pending_embeddings: int
    model_change: ModelChange | None
    problems: tuple[str, ...]
    budgets: tuple[str, ...]  # a line for each that has reached a threshold
    switch_on: Mapping[str, str]  # agent -> what it needs before its traces arrive


def status(context: Context, listener: ListenerFacts) -> Status:
    """Return the state of the file, the listener and the model."""
    # The table of clients is 1.3 MB that a process which is never asked does without.
    switching = importlib.import_module("flowtrace_mcp.services.switch_on")
    facts = context.store.facts()
    meaning = context.meaning
    problems = [*listener.problems]
    if facts.write_refusal is not None:
        problems.append(str(facts.write_refusal))
    if meaning.failure is not None:
        problems.append(str(meaning.failure))
    if waiting := spool_problem(context.settings.home, context.now_us()):
        problems.append(waiting)
    return Status(
        health="degraded" if problems else "ok",
        version=__version__,
        store=facts,
        listener=listener,
        embedder=meaning.embedder_id or context.settings.embedder,
        embedder_state=meaning.state.value,
        pending_embeddings=pending_embeddings(context),
        model_change=find_model_change(context),
        problems=tuple(problems),
        budgets=reached_lines(context),
        switch_on=switching.switch_on(context, listener.otlp_http_port),
    )


def status_body(found: Status) -> dict[str, Any]:
    """Return a status as JSON names it, over HTTP and on the command line."""
    body = asdict(found)
    refusal = found.store.write_refusal
    body["store"]["write_refusal"] = None if refusal is None else str(refusal)
    return body


def pending_embeddings(context: Context) -> int:
    """Return how many memories wait for a vector; 0 when no model will make one."""
    if not context.meaning.is_wanted:
        return 0
    embedded = context.store.memories.count_embedded()
    return embedded.memories - _done(embedded, context.meaning.embedder_prefix)


def find_model_change(context: Context) -> ModelChange | None:
    """Return how far the present model has come where another one was before it, or None."""
    if not context.meaning.is_wanted:
        return None
    embedded = context.store.memories.count_embedded()
    prefix = context.meaning.embedder_prefix
    done = _done(embedded, prefix)
    others = (name for name in embedded.by_embedder if not name.startswith(prefix))
    before = next(others, None)
    if before is None or done >= embedded.memories:
        return None
    return ModelChange(
        from_embedder=before,
        to_embedder=prefix.rstrip("@:"),
        done=done,
        total=embedded.memories,
    )


def _done(embedded: Embedded, prefix: str) -> int:
    """Return how many memories have vectors of the embedder whose id begins so."""
    counts = (count for name, count in embedded.by_embedder.items() if name.startswith(prefix))
    return max(counts, default=0)
