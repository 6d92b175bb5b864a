"""What a key may ask: by its role, and within the projects it is limited to."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from flowtrace_mcp.errors import ForbiddenError, NotFoundError
from flowtrace_mcp.model.ids import TRACE_ID_BYTES, parse_id
from flowtrace_mcp.rest.declared import Declaration
from flowtrace_mcp.rest.questions import Question, json_object
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.keys import Role
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.storage.api_keys import ApiKey

KEY: Final = "flowtrace.key"  # where the gate leaves the key in a request's scope
# Posted, and yet they change nothing.
_READING: Final = frozenset(
    ("/api/v1/memories/recall", "/api/v1/embed", "/api/v1/search", "/api/v1/edges/query")
)
_ADMIN: Final = ("/api/v1/admin",)
_RULES: Final = "/api/v1/budget"  # anybody may look at them
_SAFE: Final = frozenset(("GET", "HEAD"))
_PROJECT: Final = "project"


def role_needed(method: str, path: str, *, is_otlp: bool) -> Role:
    """Return the least role that may make a request."""
    if path.startswith(_ADMIN) or (path.startswith(_RULES) and method not in _SAFE):
        return Role.ADMIN
    if is_otlp or path.startswith("/mcp"):
        return Role.WRITER
    return Role.READER if method in _SAFE or path in _READING else Role.WRITER


def refuse_role(key: ApiKey, method: str, path: str, *, is_otlp: bool) -> ForbiddenError | None:
    """Return why a key may not make a request at all, or None."""
    needed = role_needed(method, path, is_otlp=is_otlp)
    if not Role(key.role).covers(needed):
        return ForbiddenError(
            f"the key {key.key_id} may not do this",
            why=f"it is a {key.role}, and this takes a {needed}",
            mend="use a key of that role",
        )
    if key.projects and (is_otlp or path.startswith("/mcp")):
        return _outside(key)
    return None


def within_projects(
    context: Context, declared: Declaration, question: Question, key: ApiKey | None
) -> Question:
    """Return a question as a key may ask it: of its projects alone.

    Raises:
        ForbiddenError: It asks for another project, or for what is of no project.
        NotFoundError: What it asks for is another project's.
    """
    if key is None or not key.projects:
        return question
    if any(one.name == _PROJECT for one in declared.takes):
        return _in_query(context, declared, question, key)
    if any(_PROJECT in _fields(shape) for shape in declared.bodies):
        return _in_body(context, question, key)
    if "trace_id" in question.path:
        trace_id = parse_id(question.path["trace_id"], TRACE_ID_BYTES, name="trace_id")
        trace = context.store.spans.find_trace(trace_id)
        _refuse_foreign(context, key, trace.project_id if trace else 0)
        return question
    if declared.path.startswith("/api/v1/sessions/"):
        session = next(iter(question.path.values()), "")
        _refuse_foreign(context, key, context.store.spans.find_session_project(session))
        return question
    raise _outside(key)


def _in_query(context: Context, declared: Declaration, question: Question, key: ApiKey) -> Question:
    names = next(one.names for one in declared.takes if one.name == _PROJECT)
    others = {name: value for name, value in question.query.items() if name not in names}
    if others.get("all", "false") != "false":
        raise _outside(key)
    told = next((question.query[name] for name in names if question.query.get(name)), "")
    identity = _allowed(context, key, told)
    return replace(question, query={**others, _PROJECT: identity})


def _in_body(context: Context, question: Question, key: ApiKey) -> Question:
    body = json_object(question.body or b"{}")
    parts: list[Any] = body["memories"] if isinstance(body.get("memories"), list) else [body]
    for part in parts:
        if isinstance(part, dict):
            told = part.get(_PROJECT)
            part[_PROJECT] = _allowed(context, key, told if isinstance(told, str) else "")
            if part.get("scope") == "global":
                raise _outside(key)
    return replace(question, body=msgspec.json.encode(body))


def _allowed(context: Context, key: ApiKey, told: str) -> str:
    """Return the identity of a project that a key may ask for; the only one when none is told."""
    if not told and len(key.projects) == 1:
        return key.projects[0]
    identity = told if told in key.projects else named_project(context, told).identity
    if not told or identity not in key.projects:
        raise _outside(key)
    return identity


def _refuse_foreign(context: Context, key: ApiKey, project_id: int) -> None:
    allowed = {
        one.merged_into or one.project_id
        for one in context.store.list_projects()
        if one.identity in key.projects
    }
    if project_id not in allowed:
        raise NotFoundError(
            "there is no such thing for this key",
            why="it is limited to projects, and nothing of that id is in them",
            mend="use a key without that limit",
        )


def _fields(shape: type) -> Mapping[str, object]:
    return {one.encode_name: one for one in msgspec.structs.fields(shape)}


def _outside(key: ApiKey) -> ForbiddenError:
    return ForbiddenError(
        f"the key {key.key_id} is limited to projects",
        why="this is of another project, or of all",
        mend="name one of its projects, or use a key without that limit",
    )
