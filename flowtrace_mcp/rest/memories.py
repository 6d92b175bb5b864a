"""The routes of memories: remember, recall, forget, their history, and undo.

The arguments are those of the tools of the same names; one that is not known is refused.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Final, TypeAlias

import msgspec

from flowtrace_mcp.model.memory import MemoryKind, ScopeName
from flowtrace_mcp.rest.declared import DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late, loaded
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.recall_bounds import BUDGET_DEFAULT_TOKENS, LIMIT_DEFAULT

Moment: TypeAlias = int | float | str | None
Name: TypeAlias = Annotated[str, msgspec.Meta(max_length=500)]
PROJECT: Final = Parameter(name="project", means="a name or an identity")
ALL: Final = Parameter(name="all", form="boolean", means="of all projects")


class MemoryBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whose memories are meant."""

    project: Name = ""
    session: Name = ""


class RememberBody(MemoryBody):
    """One memory."""

    content: str
    kind: MemoryKind = MemoryKind.NOTE
    topic: str = ""
    scope: ScopeName = ScopeName.REPO
    files: list[str] = []
    tags: list[str] = []
    supersedes: int | str = ""
    valid_from: Moment = None
    valid_to: Moment = None
    sequence: Annotated[int, msgspec.Meta(ge=0, lt=2**53)] | None = None
    author: str = ""
    agent: Name = ""
    aliases: list[str] = []
    metadata: dict[str, Any] = {}


class RememberBodies(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Memories that are stored together, or none of them."""

    memories: list[RememberBody]


class RecallBody(MemoryBody):
    """A question."""

    query: str = ""
    limit: int = LIMIT_DEFAULT
    budget: int = BUDGET_DEFAULT_TOKENS
    scope: ScopeName = ScopeName.SESSION
    kind: MemoryKind | list[MemoryKind] = []
    tags: list[str] = []
    since: Moment = None
    until: Moment = None
    as_of: Moment = None
    expand: list[str] = []
    strict: bool = False


class ForgetBody(MemoryBody):
    """Which memory to forget."""

    id: str = ""
    query: str = ""
    reason: str = ""
    hard: bool = False


class UndoBody(MemoryBody):
    """Which way to turn."""

    redo: bool = False


def memory_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of memories."""
    return [
        endpoints.post(
            "/api/v1/memories",
            late("memory_answers", "store"),
            bodies=(RememberBody, RememberBodies),
            body='one memory, or `{"memories": [...]}`, see below',
            says='`{"results": [{"id", "outcome", ...}]}` in order',
        ),
        endpoints.post(
            "/api/v1/memories/recall",
            late("memory_answers", "ask"),
            bodies=(RecallBody,),
            body="a question, see below",
            says='`{"memories", "more", "tokens", "reason"}`',
        ),
        endpoints.post(
            "/api/v1/memories/forget",
            late("memory_answers", "let_go"),
            bodies=(ForgetBody,),
            body="`id` or `query`, `reason`, `hard`, `project`, `session`",
            says='`{"id", "text", "hard"}`',
        ),
        endpoints.lines(
            "/api/v1/memories/export",
            _export,
            PROJECT,
            ALL,
            says="every version of every memory, a JSON object a line ([moving.md](moving.md))",
        ),
        endpoints.post(
            "/api/v1/memories/undo",
            late("memory_answers", "turn_back"),
            bodies=(UndoBody,),
            body="`redo`, `project`, `session`",
            says=(
                '`{"undone" or "redone", "changed", "memories": [{"id", "text", "state"}],'
                ' "agent", "session"}`'
            ),
        ),
        endpoints.get(
            "/api/v1/memories/{id}/history",
            late("memory_answers", "list_versions"),
            PROJECT,
            says="`id` and items, oldest first, see below; never more than one page",
        ),
    ]


def _export(context: Context, question: Question) -> Iterator[bytes]:
    lines: Iterator[bytes] = loaded("memory_answers", "export")(context, question)
    return lines
