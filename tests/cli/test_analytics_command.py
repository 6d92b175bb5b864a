"""`flowtrace analytics`, as it is typed."""

import time

from flowtrace_mcp.app import Application
from tests.cli.conftest import Type
from tests.services.work import START_US, Work


def store_calls(environ: dict[str, str]) -> None:
    program = Application(environ, listen=False)
    work = Work(program.context())
    since_s = time.time() - 30 * 3600 - START_US / 1_000_000
    for number in range(30):
        model = "claude-opus-4-1" if number % 3 else "claude-haiku-4-5"
        tokens = (1000 + 100 * number, 5)
        work.call(model, since_s + number * 3600, 1 + number, tokens=tokens, trace=number + 1)
    work.store()
    program.close()


def test_before_the_first_call_nothing_is_known(typed: Type) -> None:
    assert "cost by day: none" in typed("analytics", "trends").out
    assert "unknown" in typed("analytics", "correlation").out
    assert typed("analytics", "comparison", "--json").body["groups"] == []


def test_trends_correlations_and_comparisons_are_printed(
    typed: Type, environ: dict[str, str]
) -> None:
    store_calls(environ)

    trend = typed("analytics", "trends", "--metric", "tokens", "--unit", "hour", "--count", "25")
    together = typed("analytics", "correlation", "--unit", "call", "--with", "duration")
    compared = typed("analytics", "comparison", "--by", "model", "--since", "2026-01-01")

    assert "tokens by hour: rising (tau" in trend.out
    assert "tokens and duration by call: strong positive (rho" in together.out
    assert "duration (ms), against claude-opus-4-1" in compared.out
    assert "claude-haiku-4-5: 10 calls, 0.0% failed" in compared.out
    assert "(p = " not in compared.out
    assert "p = " in compared.out
    daily = typed("analytics", "trends", "--metric", "model_calls").out
    assert "next week: " in daily


def test_what_cannot_be_asked_is_refused(typed: Type) -> None:
    assert typed("analytics", "trends", "--metric", "beauty").code == 2
    assert typed("analytics", "moons").code == 2
