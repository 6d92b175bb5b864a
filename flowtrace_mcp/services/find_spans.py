"""Find spans by what they are and by what they say: one question, newest first, page by page."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from flowtrace_mcp.analytics.span_questions import NameKind
from flowtrace_mcp.analytics.span_words import question_words
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.edge import (
    ENVIRONMENTS,
    SENSITIVITIES,
    SPAN_TYPES,
    STATUSES,
    U16_MAX,
    U64_MAX,
    Edge,
    Environment,
    SpanType,
    unpack_edge,
)
from flowtrace_mcp.model.ids import signed_string_id, string_id
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.listing import Listed, Position, Window, find_project
from flowtrace_mcp.storage.span_search import FOREVER_US, SpanFilter

Names = tuple[str, ...]
KNOWN_DAYS: Final = 90  # how far back names of models and tools are known by a part of them
NAMES_LIMIT: Final = 10_000
_TYPES: Final = {name.lower(): one for name, one in SPAN_TYPES.items()}
_ANY_CASE_JOINTS: Final = str.maketrans("", "", " _-")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanQuery:
    """Which spans, in the words of a caller; "" and None ask for nothing, limits are included."""

    window: Window = field(default_factory=Window)
    text: str = ""  # words that names, arguments, outputs or errors hold, all of them
    trace_id: bytes = b""
    session: str = ""
    project: str = ""  # name, identity or number
    tenant: int | None = None
    agent: str = ""
    provider: str = ""
    models: Names = ()  # any of them; a name or a part of one
    tools: Names = ()
    span_types: Names = ()
    status: str = ""
    environment: str = ""
    sensitivity: Names = ()  # any of these
    without: Names = ()  # none of these
    is_root: bool = False
    min_duration_us: int | None = None
    max_duration_us: int | None = None
    min_tokens: int | None = None
    max_tokens: int | None = None
    min_cost_usd: float | None = None
    max_cost_usd: float | None = None
    min_confidence: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundEdge:
    """A span that fits: its key and its edge."""

    key: int
    edge: Edge


def find_spans(
    context: Context, query: SpanQuery, position: Position | None, limit: int
) -> Listed[FoundEdge]:
    """Return at most ``limit`` spans, newest first.

    A page looks at a bounded number of spans: it may hold fewer, even none, and yet go on.

    Raises:
        InputError: A type, status, environment or sensitivity that there is not, or words are
            asked for where nothing is indexed.
    """
    wanted = filter_of(context, query)
    if wanted is None:
        return Listed(items=(), next=None)
    before = None if position is None else position.time_us
    page = context.store.span_texts.search(wanted, before, limit)
    items = [FoundEdge(key=one.edge_key, edge=unpack_edge(one.edge)) for one in page.spans]
    following = None if page.next is None else Position(time_us=page.next, number=0)
    return Listed(items=items, next=following)


def filter_of(context: Context, query: SpanQuery) -> SpanFilter | None:
    """Return a query in numbers; None where a name in it is nobody's, so that nothing can fit."""
    words = tuple(question_words(query.text.split()))
    if words and not context.store.span_texts.is_on:
        raise InputError(
            "cannot search for words of spans",
            why="they are not indexed",
            mend="set FLOWTRACE_SPAN_SEARCH=on and start again",
        )
    project_id = find_project(context, query.project) if query.project else None
    models = _numbers(context, query.models, "model")
    tools = _numbers(context, query.tools, "tool")
    is_unknown = (
        (query.project and project_id is None)
        or (query.models and not models)
        or (query.tools and not tools)
        or (project_id or 0) > U16_MAX  # numbers of no project, and of no tenant
        or not 0 <= (query.tenant or 0) <= U64_MAX
    )
    if is_unknown:
        return None
    window = query.window
    return SpanFilter(
        since_us=min(window.since_us or 0, FOREVER_US),
        until_us=FOREVER_US if window.until_us is None else min(window.until_us, FOREVER_US),
        words=words,
        trace_id=query.trace_id,
        session_id=string_id(query.session),
        project_id=project_id,
        tenant_id=query.tenant,
        agent_id=signed_string_id(query.agent) if query.agent else None,
        provider_id=signed_string_id(query.provider) if query.provider else None,
        model_ids=models,
        tool_ids=tools,
        span_types=tuple(int(span_type_of(name)) for name in query.span_types),
        status=_choice(query.status, STATUSES, "status"),
        environment=_environment(query.environment),
        sensitivity=_sensitivity(query.sensitivity),
        not_sensitivity=_sensitivity(query.without),
        is_root=query.is_root,
        min_duration_us=query.min_duration_us,
        max_duration_us=query.max_duration_us,
        min_tokens=query.min_tokens,
        max_tokens=query.max_tokens,
        min_cost_usd=query.min_cost_usd,
        max_cost_usd=query.max_cost_usd,
        min_confidence=query.min_confidence,
    )


def known_names(context: Context) -> dict[str, NameKind]:
    """Return the models and tools that were used of late."""
    used = context.store.uses.list_used(context.now_us() - KNOWN_DAYS * DAY_US, NAMES_LIMIT)
    kinds: dict[int, NameKind] = {}
    for model_id, tool_id, _ in used:
        kinds[model_id], kinds[tool_id] = "model", "tool"
    kinds.pop(0, None)
    names = context.store.spans.get_strings(kinds)
    return {names[number]: kind for number, kind in kinds.items() if names.get(number)}


def span_type_of(name: str) -> SpanType:
    """Return a span type by its name, however it is spelled, or by its number.

    Raises:
        InputError: There is none.
    """
    plain = name.strip().lower().translate(_ANY_CASE_JOINTS)
    found = _TYPES.get(plain)
    if found is None and plain.isascii() and plain.isdigit() and int(plain) in set(SpanType):
        found = SpanType(int(plain))
    if found is None:
        raise _no_such("span type", name, tuple(SPAN_TYPES))
    return found


def _numbers(
    context: Context, names: Sequence[str], kind: Literal["model", "tool"]
) -> tuple[int, ...]:
    """Return the numbers of names: the very ones where there are any, else those they are part of."""
    if not names:
        return ()
    wanted = {signed_string_id(name): name for name in names}
    exact = context.store.spans.get_strings(wanted)
    found = [number for number in wanted if exact.get(number)]
    parts = [name.lower() for number, name in wanted.items() if number not in found]
    if parts:
        known = [name for name, each in known_names(context).items() if each == kind]
        found += [
            signed_string_id(name) for name in known if any(part in name.lower() for part in parts)
        ]
    return tuple(dict.fromkeys(found))


def _environment(name: str) -> int | None:
    place = _choice(name, ENVIRONMENTS, "environment")
    return None if place is None else int(tuple(Environment)[place])


def _sensitivity(names: Sequence[str]) -> int:
    bits = 0
    for name in names:
        place = _choice(name.replace("-", "_"), SENSITIVITIES, "sensitivity")
        bits |= 0 if place is None else 1 << place
    return bits


def _choice(name: str, names: Sequence[str], what: str) -> int | None:
    """Return the place of a name among some, None for ""."""
    if not name:
        return None
    if name.strip().lower() not in names:
        raise _no_such(what, name, names)
    return names.index(name.strip().lower())


def _no_such(what: str, name: str, names: Sequence[str]) -> InputError:
    return InputError(
        f"there is no {what} {name[:40]!r}",
        why="it is one of " + ", ".join(names),
        mend="correct it or leave it out",
    )
