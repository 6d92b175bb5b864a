"""Write memories, verbatim, without a language model: redacted, judged by rule, durable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from flowtrace_mcp.analytics.similarity import Likeness, compare_texts
from flowtrace_mcp.analytics.words import search_terms
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.ids import new_memory_id
from flowtrace_mcp.model.memory import (
    CONTENT_LIMIT_CHARACTERS,
    MemoryFilter,
    MemoryKind,
    MemoryPlace,
    NewMemory,
    Outcome,
    ScopeName,
)
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.model.telemetry import AttributeValue
from flowtrace_mcp.model.times import parse_time_us
from flowtrace_mcp.model.vector import VectorCode
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.documents import document_of, embedded_texts
from flowtrace_mcp.services.evidence import bound_files
from flowtrace_mcp.services.handles import find_named_memory
from flowtrace_mcp.storage.memory_store import Kin, MemoryWrite, Verdict

BATCH_LIMIT: Final = 1000
LIST_LIMIT: Final = 100
SHORT_TEXT_LIMIT_CHARACTERS: Final = 500
METADATA_LIMIT_BYTES: Final = 16 * 1024
# Only as much of a text as tells whether another says nearly the same.
NEAR_TERMS_CHARACTERS: Final = 400
# Each word costs 0.05 ms at 600 memories; of nearly equal texts the longest are mostly the same.
NEAR_TERMS_LIMIT: Final = 12
# Longer texts, and batches, are embedded in the background: each takes 5 ms or more.
INLINE_EMBED_CHARACTERS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberRequest:
    """One memory as asked for; times are ISO 8601 or microseconds."""

    content: str
    kind: MemoryKind = MemoryKind.NOTE
    topic: str = ""
    scope: ScopeName = ScopeName.REPO
    files: Sequence[str] = ()
    tags: Sequence[str] = ()
    supersedes: str | int = ""  # an id, or the index of an earlier item of the same batch
    valid_from: str | int | None = None
    valid_to: str | int | None = None
    session: str = ""
    sequence: int | None = None
    author: str = ""
    agent: str = ""
    aliases: Sequence[str] = ()
    metadata: Mapping[str, AttributeValue] = field(default_factory=dict)
    project: ProjectIdentity | None = None  # None = the caller's


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """What became of one memory."""

    id: str
    outcome: Outcome
    old_id: str = ""
    old_text: str = ""
    redactions: int = 0


def remember(context: Context, request: RememberRequest, caller: Caller) -> Remembered:
    """Store one memory and return once it is on disk.

    Raises:
        InputError: The request cannot be understood; nothing was stored.
    """
    return remember_all(context, [request], caller)[0]


def remember_all(
    context: Context, requests: Sequence[RememberRequest], caller: Caller
) -> list[Remembered]:
    """Store memories in one transaction, in order: all of them or, on bad input, none.

    Raises:
        InputError: A request cannot be understood, or there are more than ``BATCH_LIMIT``.
    """
    if len(requests) > BATCH_LIMIT:
        raise InputError(
            f"cannot remember {len(requests)} memories at once",
            why=f"a batch holds at most {BATCH_LIMIT}",
            mend="send them in several batches",
        )
    for request in requests:
        _check(request)
    now_us = context.now_us()
    places = _places(context, requests, caller)
    prepared = [
        _prepare(context, request, place, caller, now_us)
        for request, place in zip(requests, places, strict=True)
    ]
    vectors = _inline_vectors(context, [new for new, _ in prepared])
    writes = [
        MemoryWrite(
            new=new,
            memory_id=new_memory_id(now_us, context.random_bytes),
            document=document_of(new),
            vectors=codes,
            near_terms=_near_terms(new),
            near_filter=MemoryFilter(place=places[index], now_us=now_us + 1),
            supersedes=_supersedes(context, request.supersedes, index, places),
        )
        for index, (request, (new, _), codes) in enumerate(
            zip(requests, prepared, vectors, strict=True)
        )
    ]
    placed = context.store.memories.insert_memories(writes, judge)
    own = place_of(context, caller)
    if caller.session and own.project_id:
        # Spans name no folder: the call that does tells where their session belongs.
        context.store.spans.bind_session(caller.session, own.project_id)
    return [
        Remembered(
            id=one.handle,
            outcome=one.outcome,
            old_id=one.old.handle if one.old else "",
            old_text=Redactor(own=context.settings.redact).text(one.old.content) if one.old else "",
            redactions=redactions,
        )
        for one, (_, redactions) in zip(placed, prepared, strict=True)
    ]


def judge(new: NewMemory, kin: Kin) -> Verdict:
    """Decide by rule what a new memory is to those in force.

    The same text counts up. A topic, or being told so, retires the older one; nothing else
    does, for no similarity tells an update from a neighbour.
    """
    same = kin.same
    is_same_topic = same is not None and new.topic in ("", same.topic)
    if kin.told is not None and not (same is not None and same.handle == kin.told.handle):
        return Verdict(outcome=Outcome.SUPERSEDES, old=kin.told)
    if same is not None and is_same_topic:
        return Verdict(outcome=Outcome.SAME, old=same)
    if kin.topic is not None:
        return Verdict(outcome=Outcome.SUPERSEDES, old=kin.topic)
    if same is not None and not same.topic:  # said again, and now it has a topic
        return Verdict(outcome=Outcome.SUPERSEDES, old=same)
    compared = [(compare_texts(old.content, new.content), old) for old in kin.near]
    for likeness, outcome in (
        (Likeness.SAME, Outcome.REFINES),
        (Likeness.CONFLICTS, Outcome.CONFLICTS),
        (Likeness.REFINES, Outcome.REFINES),
    ):
        for found, old in compared:
            if found is likeness:
                return Verdict(outcome=outcome, old=old)
    return Verdict(outcome=Outcome.NEW)


def _places(
    context: Context, requests: Sequence[RememberRequest], caller: Caller
) -> list[MemoryPlace]:
    """Return where each memory belongs: to its own project, else to the caller's."""
    places = {
        project: place_of(context, replace(caller, project=project or caller.project))
        for project in {request.project for request in requests}
    }
    return [places[request.project] for request in requests]


def _prepare(
    context: Context, request: RememberRequest, place: MemoryPlace, caller: Caller, now_us: int
) -> tuple[NewMemory, int]:
    redactor = Redactor(own=context.settings.redact)
    valid_from_us = (
        now_us
        if request.valid_from is None
        else parse_time_us(request.valid_from, name="valid_from")
    )
    valid_to_us = (
        None if request.valid_to is None else parse_time_us(request.valid_to, name="valid_to")
    )
    if valid_to_us is not None and valid_to_us <= valid_from_us:
        raise InputError(
            "valid_to is not after valid_from",
            why="a fact is true from a time up to a later one",
            mend="swap them, or leave valid_to out",
        )
    session = request.session or place.session
    if request.scope is ScopeName.SESSION and not session:
        raise InputError(
            "cannot keep this for a session",
            why="no session is known here",
            mend="name one, or choose the scope repo",
        )
    folder = caller.folder if request.project in (None, caller.project) else ""
    files = bound_files(context.files, folder, request.files, request.scope)
    new = NewMemory(
        content=redactor.text(request.content),
        kind=request.kind,
        scope=request.scope,
        place=MemoryPlace(project_id=place.project_id, branch=place.branch, session=session),
        topic=redactor.text(request.topic.strip()),
        author=redactor.text(request.author.strip()),
        agent=request.agent or caller.agent,
        sequence=request.sequence,
        recorded_us=now_us,
        valid_from_us=valid_from_us,
        valid_to_us=valid_to_us,
        tags=redactor.texts(request.tags),
        aliases=redactor.texts(request.aliases),
        files=redactor.names(files),
        metadata=_metadata(request, redactor),
        trace_id=caller.trace_id,
        span_id=caller.span_id,
        tool_call_id=caller.tool_call_id,
    )
    return new, redactor.count


def _check(request: RememberRequest) -> None:
    if not request.content.strip():
        raise InputError(
            "cannot remember nothing", why="content is empty", mend="say what to remember"
        )
    if len(request.content) > CONTENT_LIMIT_CHARACTERS:
        raise InputError(
            f"content has {len(request.content)} characters",
            why=f"a memory holds at most {CONTENT_LIMIT_CHARACTERS}",
            mend="store the point of it, or split it",
        )
    for name, values in (
        ("files", request.files),
        ("tags", request.tags),
        ("aliases", request.aliases),
    ):
        if len(values) > LIST_LIMIT or any(
            len(value) > SHORT_TEXT_LIMIT_CHARACTERS for value in values
        ):
            raise InputError(
                f"{name} is too long",
                why=f"it holds {LIST_LIMIT} texts of {SHORT_TEXT_LIMIT_CHARACTERS} characters",
                mend="send fewer or shorter ones",
            )
    if max(len(request.topic), len(request.author)) > SHORT_TEXT_LIMIT_CHARACTERS:
        raise InputError(
            "topic or author is too long",
            why=f"each has at most {SHORT_TEXT_LIMIT_CHARACTERS} characters",
            mend="shorten it",
        )


def _metadata(request: RememberRequest, redactor: Redactor) -> Mapping[str, AttributeValue]:
    metadata = redactor.tree(request.metadata)
    size_bytes = len(msgspec.json.encode(metadata))
    if size_bytes > METADATA_LIMIT_BYTES:
        raise InputError(
            f"metadata has {size_bytes} bytes as JSON",
            why=f"a memory takes at most {METADATA_LIMIT_BYTES}",
            mend="keep what is long elsewhere, and its place here",
        )
    return metadata


def _near_terms(new: NewMemory) -> list[str]:
    words = search_terms(new.content[:NEAR_TERMS_CHARACTERS])
    return sorted(words, key=len, reverse=True)[:NEAR_TERMS_LIMIT]


def _inline_vectors(context: Context, news: Sequence[NewMemory]) -> Sequence[Sequence[VectorCode]]:
    """Embed a single short text at once when the model is here; leave the rest for later."""
    if len(news) == 1 and len(news[0].content) <= INLINE_EMBED_CHARACTERS:
        return [context.meaning.encode_here(embedded_texts(news[0])) or ()]
    return [()] * len(news)


def _supersedes(
    context: Context, told: str | int, index: int, places: Sequence[MemoryPlace]
) -> str | int:
    project_id = places[index].project_id
    if told == "":
        return ""
    if isinstance(told, int):
        if 0 <= told < index and places[told].project_id == project_id:
            return told
        raise InputError(
            f"supersedes {told} is not an earlier item of this batch and project",
            why="a number counts the batch's items from 0",
            mend="put the older memory first, or give its id",
        )
    return find_named_memory(context, told, project_id).handle
