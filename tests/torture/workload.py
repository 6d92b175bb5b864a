"""Work of agents on one file, step by step, and what each step was answered."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.memory_builder import by_rule, new_memory, write_of
from tests.storage.span_builder import span

SPANS_A_STEP = 4
MEMORIES_LIMIT = 100_000
ANSWER_LIMIT_S = 30.0
Step = Callable[[Store], list[str]]


class _Row(NamedTuple):
    handle: str
    content: str


def remember(number: int) -> Step:
    """Return a step that stores a memory."""

    def step(store: Store) -> list[str]:
        text = f"memory{number} was kept"
        store.memories.insert_memories([write_of(new_memory(text))], by_rule)
        return [text]

    return step


def ingest(number: int) -> Step:
    """Return a step that stores spans."""

    def step(store: Store) -> list[str]:
        first = 1_000_000 + number * SPANS_A_STEP
        spans = [
            span(first + one, session=f"s-{number % 7}", raw=bytes([one]) * 1500)
            for one in range(SPANS_A_STEP)
        ]
        store.spans.insert_spans(spans).result(ANSWER_LIMIT_S)
        return [f"span {one.span_id.hex()}" for one in spans]

    return step


def forget_hard(number: int) -> Step:
    """Return a step that removes the memory of a step before for good, out of the log too."""

    def step(store: Store) -> list[str]:
        (handle,) = [
            memory.handle
            for memory in _memories(store)
            if memory.content == f"memory{number} was kept"
        ]
        store.memories.delete(handle)
        return [f"gone memory{number} was kept"]

    return step


def announce(number: int) -> Step:
    """Return a step that says that a memory is about to be removed: it may be gone from now on."""
    return lambda _: [f"leaving memory{number} was kept"]


def checkpoint(store: Store) -> list[str]:
    """Copy the log back into the file."""
    store._database.scrub_log()
    return []


def steps(count: int) -> Iterator[Step]:
    """Yield the steps of a workload: memories, spans, now and then a checkpoint or a removal."""
    for number in range(count):
        yield remember(number)
        yield ingest(number)
        if number % 10 == 9:
            yield checkpoint
        if number % 20 == 19:
            yield announce(number)
            yield forget_hard(number)


@dataclass
class Heard:
    """What was answered until some moment."""

    kept: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def hear(self, answers: list[str]) -> None:
        """Take note of answers."""
        for answer in answers:
            if answer.startswith("gone "):
                self.gone.add(answer.removeprefix("gone "))
            elif answer.startswith("leaving "):
                self.leaving.add(answer.removeprefix("leaving "))
            else:
                self.kept.add(answer)


def stored(store: Store) -> list[str]:
    """Return all that a file holds, once for each time that it does."""
    edges = store.spans.list_edges((0, 2**52), 1_000_000)
    spans = [f"span {edge.span_id.hex()}" for _, edge in edges]
    return spans + [memory.content for memory in _memories(store)]


def faults(path: Path, heard: Heard) -> list[str]:
    """Open a file as a process after a crash does, and return what is wrong with it."""
    with closing(Store(path, lambda: START_US)) as store:
        wrong = store.check()
        held = stored(store)
        missing = heard.kept - heard.leaving - set(held)
        back = heard.gone & set(held)
        doubled = len(held) - len(set(held))
        wrong += [f"lost: {one}" for one in sorted(missing)]
        wrong += [f"came back: {one}" for one in sorted(back)]
        wrong += [f"{doubled} doubled"] if doubled else []
        wrong += roll_ups_wrong(store)
    return wrong


def roll_ups_wrong(store: Store) -> list[str]:
    """Return in what the roll-ups differ from the spans, at one moment."""
    with store._database.snapshot() as reader:
        spans = reader.execute("SELECT count(*) FROM edges").get
        for table in ("sessions", "traces", "project_hours"):
            total = reader.execute(f"SELECT coalesce(sum(span_count), 0) FROM {table}").get
            if total != spans:
                return [f"{table} count {total} spans of {spans}"]
    return []


def _memories(store: Store) -> list[_Row]:
    with store._database.reading() as reader:
        rows = reader.execute("SELECT handle, content FROM memories LIMIT ?", (MEMORIES_LIMIT,))
        return [_Row(*row) for row in rows]
