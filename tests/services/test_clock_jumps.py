"""A clock that somebody sets, by minutes and by years: nothing is lost, and nothing waits for it."""

import random
from collections.abc import Callable

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.chores import Chores
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.history import history
from flowtrace_mcp.services.keeping import Keeping
from flowtrace_mcp.services.pause import Pause
from flowtrace_mcp.services.recall import RecallRequest, recall
from flowtrace_mcp.services.remember import RememberRequest, remember
from tests.ingest import otlp_bodies
from tests.services.conftest import START_US, Clock

Make = Callable[..., Context]
STEPS = 120
JUMPS_US = (-5 * 365 * DAY_US, -DAY_US, -60_000_000, -1, 0, 1, 60_000_000, DAY_US, 5 * 365 * DAY_US)


def test_a_pause_ends_when_it_is_over_and_when_the_clock_is_set_back() -> None:
    pause = Pause()
    before = pause.holds(100)
    pause.begin(100, 200)

    assert [pause.holds(now_us) for now_us in (99, 100, 199, 200)] == [False, True, True, False]
    assert not before


@pytest.mark.parametrize("seed", range(4))
def test_a_life_under_a_clock_that_jumps_loses_nothing(
    make_context: Make, caller: Caller, clock: Clock, seed: int
) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="100000", FLOWTRACE_BUDGETS="")
    chance, chores = random.Random(seed), Chores(context)
    pipeline = Pipeline(context.store, clock)
    kept, ports, sent = [], [], 0
    for number in range(STEPS):
        clock.now_us = max(clock.now_us + chance.choice(JUMPS_US), START_US // 4)
        match chance.randrange(4):
            case 0:
                text = f"word{number} is how step {number} was called"
                kept.append(
                    (f"word{number}", remember(context, RememberRequest(content=text), caller).id)
                )
            case 1:
                told = f"the ledger listens on {5000 + number}"
                ports.append(
                    remember(context, RememberRequest(content=told, topic="port"), caller).id
                )
            case 2:
                trace_id = chance.randbytes(16)
                body = otlp_bodies.traces(3, trace_id).SerializeToString()
                sent += pipeline.traces(body, PayloadEncoding.PROTOBUF).accepted_count
            case _:
                chores.run_once()

    for word, memory_id in kept:
        found = recall(context, RecallRequest(query=word), caller)
        assert memory_id in [one.id for one in found.memories], word
    current = recall(context, RecallRequest(query="on which port listens the ledger"), caller)
    assert [one.id for one in current.memories if "ledger" in one.text] == ports[-1:]
    assert [one.memory.handle for one in history(context, ports[0], caller)] == ports
    assert context.store.facts().span_count == sent
    assert context.store.check() == []


def test_the_rules_are_run_again_after_the_clock_was_years_ahead(
    make_context: Make, clock: Clock
) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="30")
    keeping = Keeping(context)
    clock.now_us += 10 * 365 * DAY_US
    keeping.run_once()
    clock.now_us = START_US + 60 * DAY_US
    old = otlp_bodies.traces(3)
    old.resource_spans[0].scope_spans[0].spans[0].start_time_unix_nano = START_US * 1000
    Pipeline(context.store, clock).traces(old.SerializeToString(), PayloadEncoding.PROTOBUF)
    before = context.store.facts().span_count

    keeping.run_once()

    assert context.store.facts().span_count < before
