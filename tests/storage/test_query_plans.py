"""Every statement of the daily work finds its rows by an index, whatever the size of the file."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.model.span_write import Authority, SpanWrite
from flowtrace_mcp.model.usage import TokenUsage
from flowtrace_mcp.storage.compression import compress
from flowtrace_mcp.storage.connection import load_vectors
from flowtrace_mcp.storage.memory_store import MemoryStore
from flowtrace_mcp.storage.span_search import SpanFilter
from flowtrace_mcp.storage.store import Store
from flowtrace_mcp.storage.traces import Page
from tests.storage.conftest import Clock
from tests.storage.memory_builder import (
    asking,
    by_rule,
    code,
    keep,
    matching,
    new_memory,
    write_of,
)
from tests.storage.span_builder import TRACE, span

WAIT_S = 8.0
PAGE = Page(limit=10)
WINDOW_US = (0, 2**52)
AFTER = (0, 0)

# A search by meaning looks at all vectors of the project, found by its index, and a list of
# memories at the project's; what is pending is counted over the memories in force. Spans are chosen
# among those that an index leads to, and what waits to be indexed is a queue.
_ALLOWED = re.compile(
    r"SCAN (carray|json_each|wanted|held|memory_text|span_text|led|unread_spans|CONSTANT ROW|SCALAR|\d+ CONSTANT|\d+-ROW)"
    r"|SCAN m USING (COVERING )?INDEX memories_in_force"
    r"|SCAN sqlite_sequence"  # one row a table that counts
)

Statement = tuple[str, Any]


@pytest.fixture
def statements() -> Iterator[list[Statement]]:
    """Return what every connection opened from now on runs, with its values."""
    seen: list[Statement] = []

    def watch(_cursor: object, sql: str, values: Any) -> bool:
        seen.append((sql, values))
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = watch

    apsw.connection_hooks.append(hook)
    yield seen
    apsw.connection_hooks.remove(hook)


@pytest.fixture
def store(statements: list[Statement], path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(path, clock)
    fill(store)
    statements.clear()
    yield store
    store.close()


def fill(store: Store) -> None:
    spans = [
        span(number, session="s-1", usage=TokenUsage(input=1), resource=b"r", scope=b"s")
        for number in range(1, 50)
    ]
    store.spans.insert_spans(spans).result(WAIT_S)
    store.project_id("name:shop", "shop")
    store.insert_logs([(1, 1, 2, 3, 4, 5, 6, compress(b""))], ["event"], {6: b"r"}).result(WAIT_S)
    store.insert_points([(1, 1, 2, 3, 4, compress(b""))], ["tokens"]).result(WAIT_S)
    for number in range(50):
        keep(store.memories, f"word {number}", topic=f"t-{number}")
    for key, _ in store.memories.list_pending("e@1", 100):
        store.memories.insert_vectors([(key, [code(1, 0)])])


def whole_traces(store: Store) -> None:
    for stored in store.spans.list_trace_spans(TRACE):
        store.spans.get_strings([stored.edge.session_id])
    store.spans.find_trace(TRACE)


def write_again(store: Store) -> None:
    """Send spans unchanged, longer, shorter and moved, so that every roll-up is made again."""
    for changed in (
        {},
        {"duration_us": 99},
        {"duration_us": 1},
        {"session": "s-2"},
        {"start_us": 5},
    ):
        store.spans.insert_spans([span(1, **{"session": "s-1", **changed})]).result(WAIT_S)


def claiming() -> list[SpanWrite]:
    """Return a span that another takes the place of."""
    return [
        span(91, session="s-1", claims=("call c", "~Bash"), authority=Authority.HOOK),
        span(92, session="s-1", claims=("call c", "~Bash")),
    ]


def remember(store: Store) -> None:
    one = write_of(new_memory("word new", topic="t-1"), vector=code(1, 0))
    store.memories.insert_memories([one], by_rule)
    keep(store.memories, "word new")


def by_codes(store: Store) -> None:
    """Search as in a file of many vectors, with a filter that most do not pass."""
    many = MemoryStore(store._database, exact_vectors=0)
    for wanted in (asking(), asking(tags=("none",))):
        many.search(matching("word"), code(1, 0), wanted, 20)


def found(store: Store, **wanted: Any) -> None:
    store.span_texts.search(SpanFilter(**wanted), None, 10)


def key_of(store: Store) -> int:
    return store.spans.list_edges(WINDOW_US, 1)[0][0]


DAILY: dict[str, Callable[[Store], object]] = {
    "a new span": lambda s: s.spans.insert_spans([span(90, session="s-1")]).result(WAIT_S),
    "spans again": write_again,
    "a session finds its project": lambda s: s.spans.bind_session("s-1", 1),
    "a whole trace": whole_traces,
    "traces of all": lambda s: s.spans.list_traces(PAGE),
    "traces of a project": lambda s: s.spans.list_traces(PAGE, project_id=1),
    "traces of a session": lambda s: s.spans.list_traces(PAGE, session="s-1"),
    "a session": lambda s: s.spans.find_session("s-1"),
    "sessions": lambda s: s.spans.list_sessions(PAGE),
    "sessions of a project": lambda s: s.spans.list_sessions(PAGE, 1),
    "edges": lambda s: s.spans.list_edges(WINDOW_US, 10),
    "edges of a project": lambda s: s.spans.list_edges(WINDOW_US, 10, project_id=1),
    "edges of a session": lambda s: s.spans.list_edges(WINDOW_US, 10, session="s-1"),
    "hours": lambda s: s.spans.list_project_hours(1, WINDOW_US, 10),
    "logs": lambda s: s.list_logs(after=AFTER, limit=10),
    "logs of a trace": lambda s: s.list_logs(after=AFTER, limit=10, trace_id=TRACE),
    "events of a trace": lambda s: s.list_trace_events(TRACE, ["event"], 10),
    "events of a session": lambda s: s.list_session_events("s-1", ["event"], WINDOW_US, 10),
    "the project of a session": lambda s: s.spans.find_session_project("s-1"),
    "a hook's span": lambda s: s.spans.insert_spans(claiming()).result(WAIT_S),
    "a trace's version": lambda s: s.spans.read_trace(TRACE, lambda _: True),
    "a trace's handle": lambda s: s.spans.list_trace_ids((1, 5), 5),
    "a span's handle": lambda s: s.spans.list_span_places((1, 5), 5),
    "logs of a session": lambda s: s.list_logs(after=AFTER, limit=10, session_id=4),
    "points": lambda s: s.list_points(after=AFTER, limit=10),
    "points of a name": lambda s: s.list_points(after=AFTER, limit=10, name_id=2),
    "points of a service": lambda s: s.list_points(after=AFTER, limit=10, service_id=3),
    "points of a session": lambda s: s.list_points(after=AFTER, limit=10, session_id=4),
    "a project": lambda s: s.project_id("name:shop", "shop"),
    "remember": remember,
    "forget": lambda s: s.memories.retract(keep(s.memories, "word x").handle, 1, ""),
    "recall": lambda s: s.memories.search(matching("word"), code(1, 0), asking(), 20),
    "words of a recall": lambda s: s.memories.list_word_rows(["word"], 1),
    "recall among some": lambda s: s.memories.search(matching("word"), None, asking(), 20, [1]),
    "recall of a layer": lambda s: s.memories.list_recent(asking(scope=ScopeName.REPO), 20),
    "recall by codes": by_codes,
    "spans of words": lambda s: found(s, words=("word",), project_id=1),
    "spans of a session": lambda s: found(s, session_id=7, status=2, min_duration_us=5),
    "spans of a trace": lambda s: found(s, trace_id=TRACE),
    "failed spans": lambda s: found(s, status=2),
    "spans of a project": lambda s: found(s, project_id=1, max_tokens=9, sensitivity=1),
    "spans of a model": lambda s: found(s, model_ids=(1, 2), min_cost_usd=0.1),
    "spans of a tool": lambda s: found(s, tool_ids=(1,), agent_id=3, environment=1),
    "spans of all": lambda s: found(s, span_types=(3, 15), is_root=True),
    "words read": lambda s: s.span_texts.insert_documents([(key_of(s), "word")], {1: ()}),
    "words that wait": lambda s: s.span_texts.list_unread(5),
    "words merged": lambda s: s.span_texts.merge(),
    "pending": lambda s: s.memories.list_pending("e@2", 10),
}
# Lists that a person pages through read no more rows than they show.
SORTED_BY_INDEX = [
    name for name in DAILY if re.match(r"traces|sessions|edges|hours|logs|points", name)
]


def plans(statements: list[Statement], path: Path) -> dict[str, list[str]]:
    reader = apsw.Connection(str(path))
    load_vectors(reader)
    found = {}
    for sql, values in list(statements):
        if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE)", sql) and "EXPLAIN" not in sql:
            explained = reader.execute(f"EXPLAIN QUERY PLAN {sql}", values)
            found[sql] = [row[3] for row in explained]
    reader.close()
    return found


@pytest.mark.parametrize("name", DAILY)
def test_daily_work_scans_no_table(
    name: str, store: Store, statements: list[Statement], path: Path
) -> None:
    DAILY[name](store)

    found = plans(statements, path)
    scans = {
        (step, sql)
        for sql, steps in found.items()
        for step in steps
        if step.startswith("SCAN") and not _ALLOWED.match(step)
    }

    assert found, "something was asked"
    assert scans == set()


@pytest.mark.parametrize("name", SORTED_BY_INDEX)
def test_a_list_is_read_in_its_order_and_not_sorted(
    name: str, store: Store, statements: list[Statement], path: Path
) -> None:
    DAILY[name](store)

    steps = [step for found in plans(statements, path).values() for step in found]

    assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_the_memory_of_a_topic_is_found_by_its_topic(
    store: Store, statements: list[Statement], path: Path
) -> None:
    keep(store.memories, "word new", topic="t-1")

    found = [steps for sql, steps in plans(statements, path).items() if "m.topic = ?" in sql]

    assert len(found) == 1
    assert any("memories_by_topic (project_id=? AND topic=?)" in step for step in found[0])


def test_a_trace_and_its_spans_are_found_by_their_ids(
    store: Store, statements: list[Statement], path: Path
) -> None:
    store.spans.insert_spans([span(1, session="s-1", trace_id=TRACE)]).result(WAIT_S)
    store.spans.list_trace_spans(TRACE)
    steps = " ".join(step for found in plans(statements, path).values() for step in found)

    assert "edges_by_span (span_id=?)" in steps
    assert "edges_by_trace (trace_id=?)" in steps
