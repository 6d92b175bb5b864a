"""Databases and stores over real files, with a clock that the test moves."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.store import Store

START_US = 1_795_000_000_000_000  # 2026-11-18
NOBODY = 65_534


@dataclass
class Clock:
    """Microseconds that stand still until a test moves them."""

    now_us: int = START_US

    def __call__(self) -> int:
        return self.now_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "flowtrace.db"


@pytest.fixture
def database(path: Path, clock: Clock) -> Iterator[Database]:
    database = Database(path, clock)
    yield database
    database.close()


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(path, clock)
    yield store
    store.close()


@pytest.fixture
def outside() -> Iterator[Path]:
    """Return an empty folder that every user of the machine may use; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="flowtrace-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture
def as_a_user() -> AbstractContextManager[None]:
    """Return a context in which file permissions hold, whoever runs the tests."""
    return _as_a_user()


@contextmanager
def _as_a_user() -> Iterator[None]:
    if not hasattr(os, "setresuid") or os.getuid() != 0:
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
