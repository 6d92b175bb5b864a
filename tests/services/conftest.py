"""A context over a real file, with a clock that the test moves."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store

START_US = 1_795_000_000_000_000  # 2026-11-18


@dataclass
class Clock:
    """Microseconds that go on by one with every look."""

    now_us: int = START_US

    def __call__(self) -> int:
        self.now_us += 1
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make_context(tmp_path: Path, clock: Clock) -> Iterator[Callable[..., Context]]:
    opened: list[Store] = []

    def make(**environ: str) -> Context:
        settings = load_settings(
            {"FLOWTRACE_HOME": str(tmp_path), "FLOWTRACE_EMBEDDER": "off", **environ}
        )
        store = Store(settings.db_path, clock)
        opened.append(store)
        seeds = itertools.count()

        def random_bytes(count: int) -> bytes:
            return (next(seeds) * 2654435761 % 2**64).to_bytes(8, "big")[:count]

        return Context(
            settings=settings,
            store=store,
            meaning=Meaning(settings.embedder, lambda _: None),
            now_us=clock,
            random_bytes=random_bytes,
        )

    yield make
    for store in opened:
        store.close()


@pytest.fixture
def context(make_context: Callable[..., Context]) -> Context:
    return make_context()


@pytest.fixture
def caller() -> Caller:
    return Caller(
        project=ProjectIdentity(identity="git:example.com/o/shop", name="shop", branch="main"),
        session="s-1",
        agent="claude-code",
    )


@pytest.fixture
def stranger() -> Caller:
    return Caller(project=ProjectIdentity(identity="git:example.com/o/other", name="other"))
