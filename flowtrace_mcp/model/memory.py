"""A memory: what an agent or a person wanted kept, verbatim, with where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from flowtrace_mcp.model.telemetry import AttributeValue

CONTENT_LIMIT_CHARACTERS: Final = 100_000


class MemoryKind(StrEnum):
    """What sort of thing is remembered."""

    DECISION = "decision"
    FACT = "fact"
    PREFERENCE = "preference"
    FIX = "fix"
    GOTCHA = "gotcha"
    PLAN = "plan"
    NOTE = "note"


class ScopeName(StrEnum):
    """A layer, widest first; a layer is read together with those above it."""

    GLOBAL = "global"
    REPO = "repo"
    BRANCH = "branch"
    SESSION = "session"


class Outcome(StrEnum):
    """What `remember` did, by rule."""

    NEW = "new"
    SAME = "same"  # this very text was there: counted up
    REFINES = "refines"  # near an older text: linked, both stay
    SUPERSEDES = "supersedes"  # same topic, or told so: the older one is retired
    CONFLICTS = "conflicts"  # near but for a number, version, name or negation: both stay


class ChangeAction(StrEnum):
    """What a call did to the memories of a project."""

    REMEMBER = "remember"  # stored one or more
    SAME = "same"  # counted one up that was there, and took up its further tags
    SUPERSEDE = "supersede"  # stored one and retired another
    FORGET = "forget"  # retired one
    ERASE = "erase"  # removed one for good


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlace:
    """Where a memory lives and who is asking: a project, a branch of it, a session."""

    project_id: int  # of this file; 0 = no project
    branch: str = ""
    session: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewMemory:
    """A memory before it has an id. Times are microseconds since the epoch."""

    content: str
    kind: MemoryKind
    scope: ScopeName
    place: MemoryPlace
    topic: str = ""
    author: str = ""
    agent: str = ""
    sequence: int | None = None  # position in its session; None = next
    recorded_us: int
    valid_from_us: int
    valid_to_us: int | None = None
    tags: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)  # path -> git blob id, "" = unknown
    metadata: Mapping[str, AttributeValue] = field(default_factory=dict)
    trace_id: bytes = b""
    span_id: bytes = b""
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """A memory as it stands in the file."""

    memory_id: bytes
    handle: str
    content: str
    kind: MemoryKind
    scope: ScopeName
    project_id: int
    branch: str
    session: str
    sequence: int
    topic: str
    author: str
    agent: str
    recorded_us: int
    retracted_us: int | None
    valid_from_us: int
    valid_to_us: int | None
    seen_count: int
    tags: tuple[str, ...]
    aliases: tuple[str, ...]
    files: Mapping[str, str]
    metadata: Mapping[str, AttributeValue]
    trace_id: bytes
    span_id: bytes
    tool_call_id: str
    retraction: str = ""  # why it was retired
    last_seen_us: int = 0  # when its text came last


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryFilter:
    """Which memories a question may see; applied inside every query.

    Attributes:
        place: Who asks from where.
        scope: The narrowest layer to read; those above it are read too.
        kinds: Only these, or all when empty.
        tags: All of them must be there.
        since_us: Recorded at or after.
        until_us: Recorded before.
        as_of_us: What was held true at that time; None = now.
        now_us: The present.
    """

    place: MemoryPlace
    scope: ScopeName = ScopeName.SESSION
    kinds: tuple[MemoryKind, ...] = ()
    tags: tuple[str, ...] = ()
    since_us: int | None = None
    until_us: int | None = None
    as_of_us: int | None = None
    now_us: int
