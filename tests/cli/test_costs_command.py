"""`flowtrace costs` and `flowtrace rebuild`, typed by hand."""

from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.post_spans import post_spans
from flowtrace_mcp.storage.store import Store
from tests.cli.conftest import Type

START_US = 1_780_000_000_000_000  # 2026-05-28
WINDOW = ("--since", "2026-05-01", "--until", "2026-06-01")


def call(number: int, model: str, **attributes: Any) -> dict[str, Any]:
    return {
        "trace_id": f"{1:032x}",
        "span_id": f"{number:016x}",
        "name": f"chat {model}",
        "start_time": START_US + number,
        "end_time": START_US + number + 2000,
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": model,
            "gen_ai.usage.input_tokens": 1_000_000,
            "gen_ai.usage.output_tokens": 0,
            **attributes,
        },
    }


@pytest.fixture
def store(environ: dict[str, str]) -> Any:
    home = Path(environ["FLOWTRACE_HOME"])
    home.mkdir(exist_ok=True)
    store = Store(home / "flowtrace.db", lambda: START_US)
    spans = [call(1, "claude-opus-4-1"), call(2, "claude-haiku-4-5"), call(3, "nobody-knows-9")]
    assert post_spans(Pipeline(store, lambda: START_US), {"spans": spans}).accepted == 3
    yield store
    store.close()


def test_before_the_first_span_it_says_how_to_send(typed: Type) -> None:
    answer = typed("costs")

    assert answer.code == 0
    assert answer.out == "the last 30 days; no spans yet: `status` says how to send\n"


@pytest.mark.usefixtures("store")
def test_sums_are_a_table_with_a_total(typed: Type) -> None:
    lines = typed("costs", *WINDOW).out.splitlines()

    assert lines[0].split() == ["model", "provider", "calls", "input", "usd", "unpriced"]
    assert lines[1].split() == ["claude-opus-4-1", "anthropic", "1", "1,000,000", "15.0000"]
    assert lines[3].split() == ["nobody-knows-9", "anthropic", "1", "1,000,000", "1"]
    assert lines[4].split() == ["total", "3", "3,000,000", "16.0000", "1"]


@pytest.mark.usefixtures("store")
def test_what_is_over_the_limit_is_counted(typed: Type) -> None:
    assert "2 more; raise --limit" in typed("costs", *WINDOW, "--limit", "1").out


@pytest.mark.promise("json")
@pytest.mark.usefixtures("store")
def test_the_same_as_json(typed: Type) -> None:
    body = typed("costs", *WINDOW, "--by", "provider", "--json").body

    assert body["by"] == "provider"
    assert body["rows"][0]["usd"] == 16.0
    assert body["total"]["unpriced"] == 1
    assert body["forecast_30d"] == {}


def test_sums_that_are_right_are_found_right(typed: Type, store: Store) -> None:
    answer = typed("rebuild")

    assert answer.code == 0
    assert answer.out == "1 hours, 3 sums held against their spans\n"
    assert store.uses.list_stale(10) == []


def test_wrong_sums_are_told_and_then_made_again(typed: Type, store: Store) -> None:
    store._database.write(lambda c: c.execute("UPDATE use_hours SET span_count = 9"))

    only_told = typed("rebuild", "--check", "--json")
    mended = typed("rebuild")

    assert (only_told.code, only_told.body["wrong"]) == (1, ["2026-05-28T20:00Z"])
    assert mended.code == 1
    assert "2026-05-28T20:00Z said something else\ncounted again\n" in mended.out
    assert typed("rebuild").code == 0


def test_hours_that_changed_are_told(typed: Type, store: Store) -> None:
    spans = [call(1, "claude-opus-4-1", **{"session.id": "s-1"})]
    post_spans(Pipeline(store, lambda: START_US), {"spans": spans})

    assert "1 had changed spans: wait to be counted again" in typed("rebuild", "--check").out
    assert "1 had changed spans: counted again" in typed("rebuild").out
