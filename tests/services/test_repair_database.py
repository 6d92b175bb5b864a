"""A repair says beforehand what keeps it from being one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flowtrace_mcp.errors import NotFoundError, ReadOnlyError
from flowtrace_mcp.services import repair_database as repairing
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.repair_database import repair_database
from flowtrace_mcp.services.search_spans import SearchRequest, search_spans
from flowtrace_mcp.services.span_indexing import SpanIndexing
from flowtrace_mcp.settings import Settings
from tests.services.work import START_US, Work


def test_there_has_to_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        repair_database(Settings(home=tmp_path, db_path=tmp_path / "no.db"), 0)


def test_a_disk_without_room_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(bytes(5000))
    monkeypatch.setattr(repairing, "COPIES", 2**60)

    with pytest.raises(ReadOnlyError):
        repair_database(Settings(home=tmp_path, db_path=path), 0)

    assert list(tmp_path.iterdir()) == [path]


def test_the_words_of_spans_are_read_again(
    make_context: Callable[..., Context],
) -> None:
    context = make_context()
    work = Work(context)
    work.tool("Bash", 0, arguments={"command": "make deploy"})
    work.store()
    SpanIndexing(context).run_once()
    context.store.close()

    repair_database(context.settings, START_US)

    repaired = make_context()
    asked = SearchRequest(query="deploy")
    assert len(search_spans(repaired, asked).spans) == 0
    SpanIndexing(repaired).run_once()
    assert len(search_spans(repaired, asked).spans) == 1
