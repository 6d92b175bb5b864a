from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.post_spans import post_spans
from flowtrace_mcp.storage.store import Store
from tests.cli.conftest import Type

START_US = 1_795_000_000_000_000  # 2026-11-18
Send = Callable[..., None]


@pytest.fixture
def send(environ: dict[str, str]) -> Send:
    """Return a function that stores spans in the data folder that the commands read."""

    def store_spans(*spans: dict[str, Any]) -> None:
        home = Path(environ["FLOWTRACE_HOME"])
        home.mkdir(exist_ok=True)
        store = Store(home / "flowtrace.db", lambda: START_US)
        try:
            pipeline = Pipeline(store, lambda: START_US)
            assert post_spans(pipeline, {"spans": list(spans)}).accepted == len(spans)
        finally:
            store.close()

    return store_spans


def span(number: int, name: str, trace: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "trace_id": f"{trace:032x}",
        "span_id": f"{number:016x}",
        "name": name,
        "start_time": START_US + number,
        "end_time": START_US + number + 2000,
        **more,
    }


def test_before_the_first_span_it_says_how_to_send(typed: Type) -> None:
    answer = typed("traces")

    assert answer.code == 0
    assert answer.out == "no spans yet: `status` says how to send\n"


def test_traces_of_every_session_are_listed(typed: Type, send: Send) -> None:
    send(span(1, "fix the login"), span(2, "write the docs", trace=2))

    answer = typed("traces")

    assert answer.code == 0
    assert "fix the login" in answer.out
    assert "write the docs" in answer.out


def test_one_trace_is_shown_as_a_tree_with_every_span(typed: Type, send: Send) -> None:
    send(span(1, "fix the login"), span(2, "read a file", parent_span_id=f"{1:016x}"))

    root, child = typed("traces", "--trace", f"{1:032x}").out.splitlines()[-2:]

    assert "fix the login" in root
    assert "read a file" in child
    assert len(child) - len(child.lstrip()) > len(root) - len(root.lstrip())


def test_one_span_is_shown_with_what_it_says(typed: Type, send: Send) -> None:
    send(span(1, "run the tests", attributes={"tests.failed": 3}))

    answer = typed("traces", "--span", f"{1:016x}", "--trace", f"{1:032x}", "--json").body

    assert answer["view"] == "span"
    assert "tests.failed" in str(answer["rows"])


def test_errors_are_shown_with_their_message(typed: Type, send: Send) -> None:
    send(span(1, "deploy", status="error", status_message="disk full"), span(2, "fine", trace=2))

    answer = typed("traces", "--view", "errors")

    assert "disk full" in answer.out
    assert "fine" not in answer.out


def test_json_has_the_rows_an_agent_gets(typed: Type, send: Send) -> None:
    send(span(1, "fix the login"))

    answer = typed("traces", "--json").body

    assert set(answer) == {"view", "rows", "note", "more", "tokens"}
    assert (answer["view"], answer["more"]) == ("list", 0)
    assert len(answer["rows"]) == 1
    assert answer["tokens"] > 0


def test_the_newest_within_the_limit_are_shown(typed: Type, send: Send) -> None:
    send(*(span(n, f"run {n}", trace=n) for n in range(1, 5)))

    (line,) = typed("traces", "--limit", "1").out.splitlines()

    assert "run 4" in line


def test_rows_beyond_the_budget_are_counted(typed: Type, send: Send) -> None:
    send(*(span(n, f"run {n}", trace=n) for n in range(1, 41)))

    *shown, last = typed("traces", "--limit", "40", "--budget", "300").out.splitlines()

    assert 0 < len(shown) < 40
    assert last.startswith(f"{40 - len(shown)} more; ")


def test_a_time_in_the_future_leaves_nothing(typed: Type, send: Send) -> None:
    send(span(1, "fix the login"))

    assert typed("traces", "--since", "2100-01-01", "--json").body["rows"] == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--limit", "0"), 2, "limit cannot be 0"),
        (("--budget", "1"), 2, "budget"),
        (("--trace", "zz"), 2, "trace_id 'zz'"),
        (("--view", "graph"), 2, "--view"),
        (("--since", "soon"), 2, "soon"),
        (("--trace", "f" * 32), 4, "f" * 32),
        (("--view", "tree"), 4, "no trace yet"),
    ],
)
def test_what_cannot_be_answered_is_an_error_that_names_it(
    typed: Type, words: tuple[str, ...], code: int, said: str
) -> None:
    answer = typed("traces", *words)

    assert answer.code == code
    assert answer.out == ""
    assert said in answer.err
