"""What every use case is given: the store, the settings, the clock, and who asks."""

from collections.abc import Callable
from dataclasses import dataclass, field

from flowtrace_mcp.ingest.price_book import PriceBook
from flowtrace_mcp.ingest.unsettled import UnsettledTraces
from flowtrace_mcp.model.memory import MemoryPlace
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.evidence import FileContents
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.settings import Settings
from flowtrace_mcp.storage.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The means of the program; built once by ``app.py`` and handed down."""

    settings: Settings
    store: Store
    meaning: Meaning
    now_us: Callable[[], int]
    random_bytes: Callable[[int], bytes]
    files: FileContents = field(default_factory=FileContents)
    prices: PriceBook = field(default_factory=PriceBook)  # else the packaged table alone
    unsettled: UnsettledTraces = field(default_factory=UnsettledTraces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as far as the request and the environment say; "" = unknown."""

    project: ProjectIdentity
    session: str = ""
    agent: str = ""
    tool_call_id: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""
    folder: str = ""  # where the caller works, on this machine


def place_of(context: Context, caller: Caller) -> MemoryPlace:
    """Return the caller's place in this file; its project gets a number when it is new."""
    project = caller.project
    return MemoryPlace(
        project_id=context.store.project_id(project.identity, project.name),
        branch=project.branch,
        session=caller.session,
    )
