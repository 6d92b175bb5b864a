"""Several processes on one file: writing together, killed at any moment, of different ages."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.migrate import SCHEMA_VERSION
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import START_US, Clock

ROOT = Path(__file__).parents[2]
WRITER = Path(__file__).with_name("writing_process.py")
ROUNDS = 4

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@contextmanager
def writing(path: Path, name: str, count: int) -> Iterator[subprocess.Popen[str]]:
    """Start a process that stores spans and memories and prints each once it is durable."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(path), name, str(count)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def acknowledged(lines: str) -> set[str]:
    """Return what whole lines say; a line that the kill cut short was not heard."""
    return set(lines.rpartition("\n")[0].splitlines())


def stored(store: Store) -> set[str]:
    edges = store.spans.list_edges((START_US, START_US + 10**9), 1_000_000)
    spans = {f"span {edge.span_id.hex()}" for _, edge in edges}
    with store._database.reading() as reader:
        contents = reader.execute("SELECT content FROM memories")
        return spans | {row[0] for row in contents}


def test_two_processes_that_write_at_once_lose_nothing(path: Path, clock: Clock) -> None:
    with writing(path, "1", 60) as first, writing(path, "2", 60) as second:
        told = [acknowledged(process.communicate(timeout=50)[0]) for process in (first, second)]
        codes = [process.returncode for process in (first, second)]

    with closing(Store(path, clock)) as store:
        assert codes == [0, 0]
        assert stored(store) == told[0] | told[1]
        assert [len(one) for one in told] == [240, 240], "three spans and a memory a turn"
        (session,) = store.spans.list_sessions(Page(limit=10))
        assert session.measures.span_count == 360
        assert store.check() == []


def test_a_killed_process_loses_nothing_that_it_had_acknowledged(path: Path, clock: Clock) -> None:
    heard: set[str] = set()
    for turn in range(ROUNDS):
        with writing(path, str(turn + 1), 100_000) as process:
            assert process.stdout is not None
            lines = "".join(process.stdout.readline() for _ in range(20 + 13 * turn))
            process.send_signal(signal.SIGKILL)
            heard |= acknowledged(lines + process.stdout.read())

        with closing(Store(path, clock)) as store:
            assert heard <= stored(store)
            assert store.check() == []

    with closing(Store(path, clock)) as store:
        (session,) = store.spans.list_sessions(Page(limit=10))
        (trace,) = store.spans.list_traces(Page(limit=10))
        count = store.facts().span_count
        assert (session.measures.span_count, trace.measures.span_count) == (count, count)


def test_five_processes_that_start_on_an_empty_folder_at_once_make_one_file(
    path: Path, clock: Clock
) -> None:
    with ExitStack() as started:
        processes = [started.enter_context(writing(path, str(number), 1)) for number in range(1, 6)]
        told = [acknowledged(one.communicate(timeout=50)[0]) for one in processes]

    with closing(Store(path, clock)) as store:
        assert stored(store) == set().union(*told)
        assert len(stored(store)) == 20
        with store._database.reading() as reader:
            assert reader.execute("SELECT count(*) FROM migrations").get == SCHEMA_VERSION


def test_a_process_that_is_older_than_the_file_stops_writing_and_goes_on_reading(
    path: Path, clock: Clock
) -> None:
    with writing(path, "1", 100_000) as process:
        assert process.stdout is not None
        lines = process.stdout.readline()
        with closing(connect(path, writable=True)) as newer:
            newer.pragma("user_version", SCHEMA_VERSION + 1)
        lines += process.stdout.read()

    with closing(Database(path, clock)) as database, database.reading() as reader:
        count = reader.execute("SELECT count(*) FROM edges").get
    heard = acknowledged(lines)
    assert "refused NewerFileError" in heard
    assert count == sum(line.startswith("span") for line in heard)
