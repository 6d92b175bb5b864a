"""The resources and prompts that a client can list; importing this imports nothing else."""

from dataclasses import dataclass
from typing import Final

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedResource:
    """Something to read, at an address or, with a name in braces, at a pattern of addresses."""

    uri: str
    title: str
    description: str
    tool: str  # whose profile it belongs to

    @property
    def name(self) -> str:
        """Return what follows the scheme."""
        return self.uri.partition("://")[2]

    @property
    def is_template(self) -> bool:
        """Say whether it stands for many addresses."""
        return "{" in self.uri


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedPrompt:
    """A request that a person can send with one choice, the record's own data already in it."""

    name: str
    title: str
    description: str
    arguments: tuple[tuple[str, str], ...]  # name, description; none is required
    tool: str


RESOURCES: Final = (
    OfferedResource(
        uri="flowtrace://traces/recent",
        title="Recent work",
        description="The newest sessions of all agents on this machine, with their sums.",
        tool="traces",
    ),
    OfferedResource(
        uri="flowtrace://traces/errors",
        title="Recent errors",
        description="What failed lately, by kind, with what followed.",
        tool="traces",
    ),
    OfferedResource(
        uri="flowtrace://stats/summary",
        title="State of Flowtrace",
        description="Counts, sizes, ports, the embedding model, and what agents have to switch on.",
        tool="status",
    ),
    OfferedResource(
        uri="flowtrace://trace/{id}",
        title="One trace",
        description="A trace as a tree, by its id or the first 10 digits that answers give.",
        tool="traces",
    ),
    OfferedResource(
        uri="flowtrace://memory/{id}",
        title="One memory",
        description="A memory in full, by the id that recall gives.",
        tool="recall",
    ),
)

PROMPTS: Final = (
    OfferedPrompt(
        name="analyze_error",
        title="Analyze an error",
        description="Why something failed, from the errors on record and what is remembered.",
        arguments=(
            ("error", "Words of the error; without them the latest errors of this session"),
            ("session", "Session id, 'last' or 'all'; default this session"),
        ),
        tool="traces",
    ),
    OfferedPrompt(
        name="summarize_session",
        title="Summarize a session",
        description="What a session did, what it cost and what came of it.",
        arguments=(("session", "Session id or 'last'; default this session"),),
        tool="traces",
    ),
    OfferedPrompt(
        name="find_patterns",
        title="Find patterns",
        description="What recurs over all sessions: errors, loops, slow steps, costs.",
        arguments=(("since", "ISO 8601 time to look back to; default all that is on record"),),
        tool="traces",
    ),
    OfferedPrompt(
        name="retrospective",
        title="Hold a retrospective",
        description="What went well and badly in a session, and what to remember of it.",
        arguments=(("session", "Session id or 'last'; default this session"),),
        tool="traces",
    ),
)
