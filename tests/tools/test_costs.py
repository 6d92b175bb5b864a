"""The tool `costs`."""

from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.post_spans import post_spans
from flowtrace_mcp.storage.store import Store
from tests.tools.conftest import Ask, text_of

START_US = 1_795_000_000_000_000  # 2026-11-18
WINDOW = {"since": "2026-11-01", "until": "2026-12-01"}


@pytest.fixture
def environ(environ: dict[str, str]) -> dict[str, str]:
    return environ | {"FLOWTRACE_TOOLS": "all"}


@pytest.fixture
def sent(environ: dict[str, str]) -> None:
    home = Path(environ["FLOWTRACE_HOME"])
    home.mkdir()
    store = Store(home / "flowtrace.db", lambda: START_US)
    spans = [call(1), call(2)]
    post_spans(Pipeline(store, lambda: START_US), {"spans": spans})
    store.close()


def call(number: int) -> dict[str, Any]:
    return {
        "trace_id": f"{1:032x}",
        "span_id": f"{number:016x}",
        "name": "chat",
        "start_time": START_US,
        "end_time": START_US + 2000,
        "attributes": {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-opus-4-1",
            "gen_ai.usage.input_tokens": 1_000_000,
            "gen_ai.usage.output_tokens": 0,
            "session.id": f"s-{number}",
        },
    }


@pytest.mark.usefixtures("sent")
def test_an_agent_learns_what_was_spent(ask: Ask) -> None:
    answer = ask("costs", **WINDOW)

    assert answer.structured_content["rows"][0]["usd"] == 30.0
    assert answer.structured_content["total"]["calls"] == 2
    assert "total: calls=2 input=2000000 usd=30.0" in text_of(answer)


@pytest.mark.usefixtures("sent")
def test_rows_over_the_limit_are_counted(ask: Ask) -> None:
    answer = ask("costs", by="session", limit=1, **WINDOW)

    assert len(answer.structured_content["rows"]) == 1
    assert answer.structured_content["more"] == 1
    assert "1 more; raise limit or budget." in text_of(answer)


def test_without_spans_it_says_how_to_get_some(ask: Ask) -> None:
    answer = ask("costs", by="session")

    assert "no spans yet" in text_of(answer)
    assert answer.structured_content["rows"] == []
