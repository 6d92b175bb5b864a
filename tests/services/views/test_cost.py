import pytest

from flowtrace_mcp.services.traces import TracesRequest, traces
from tests.services.work import Work


def test_models_come_dearest_first_and_unknown_prices_are_counted(context, caller):
    work = Work(context)
    work.call("claude-haiku-4-5", 0, tokens=(1_000, 100))
    work.call("claude-opus-4-1", 1, tokens=(1_000, 100))
    work.call("claude-opus-4-1", 2, tokens=(1_000, 100))
    work.call("nobody-knows-9", 3, tokens=(1_000, 100))
    work.store()

    rows = traces(context, TracesRequest(session="all", view="cost"), caller).rows

    assert [row["model"] for row in rows] == [
        "claude-opus-4-1",
        "claude-haiku-4-5",
        "nobody-knows-9",
    ]
    assert (rows[0]["calls"], rows[0]["input"], rows[0]["output"]) == (2, 2_000, 200)
    assert rows[0]["usd"] == 0.045
    assert rows[2]["unpriced"] == 1
    assert "usd" not in rows[2]


@pytest.mark.promise("cost-across-runs")
def test_of_several_traces_the_dearest_are_named(context, caller):
    work = Work(context)
    work.call("claude-haiku-4-5", 0, tokens=(10, 1), trace=1)
    work.call("claude-haiku-4-5", 9, tokens=(10_000, 1), trace=2)
    work.store()

    rows = traces(context, TracesRequest(session="s-1", view="cost"), caller).rows

    assert [row["usd"] for row in rows[1:]] == [0.010005, 0.000015]
