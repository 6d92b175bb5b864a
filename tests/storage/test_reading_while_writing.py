"""A trace is read as it stands at one moment, whatever is written meanwhile."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import Clock
from tests.storage.span_builder import TRACE, span

WAIT_S = 8.0

Interrupt = Callable[[str, Callable[[], object]], None]


@pytest.fixture
def interrupt() -> Iterator[Interrupt]:
    """Run something once, just before a statement that holds some words."""
    waiting: list[tuple[str, Callable[[], object]]] = []

    def watch(_cursor: object, sql: str, _values: Any) -> bool:
        if waiting and waiting[0][0] in sql:
            waiting.pop()[1]()
        return True

    def hook(connection: apsw.Connection) -> None:
        connection.exec_trace = watch

    apsw.connection_hooks.append(hook)
    yield lambda words, act: waiting.append((words, act))
    apsw.connection_hooks.remove(hook)


def test_a_trace_that_is_sent_again_between_two_looks_is_still_whole(
    interrupt: Interrupt, path: Path, clock: Clock
) -> None:
    store = Store(path, clock)
    store.spans.insert_spans([span(1, raw=b"the first bytes")]).result(WAIT_S)

    def send_again() -> None:
        store.spans.insert_spans([span(1, raw=b"other bytes")]).result(WAIT_S)

    interrupt("SELECT pack_id, resource_id", send_again)

    (read,) = store.spans.list_trace_spans(TRACE)

    assert read.payload is not None
    assert read.payload.raw == b"the first bytes"
    assert store.spans.list_trace_spans(TRACE)[0].payload.raw == b"other bytes"
    store.close()
