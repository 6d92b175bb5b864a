"""What is old goes, what is not stays, and the file becomes smaller."""

import random
from collections.abc import Callable

import pytest

from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.model.edge import Sensitivity
from flowtrace_mcp.model.telemetry import PayloadEncoding
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Caller, Context, place_of
from flowtrace_mcp.services.keeping import RUN_LIMIT_US, SIZE_PERIOD_US, Keeping
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.retention import Enforcement, Kept
from flowtrace_mcp.storage.retention_rules import RetentionRule
from tests.ingest import otlp_bodies
from tests.services.conftest import START_US, Clock
from tests.services.work import Work
from tests.storage.span_builder import span

Make = Callable[..., Context]
OLD_US = START_US - 100 * DAY_US


def enforce(context: Context, **more: object) -> Kept:
    return Enforcement(context=context, **more).run()  # type: ignore[arg-type]  # as the test says


def keep(context: Context, *numbers: int, session: str = "s-1", **said: object) -> None:
    """Store spans; those with odd numbers are old."""
    writes = [
        span(
            number,
            trace_id=number.to_bytes(16, "big"),
            session=session,
            raw=bytes([number % 256]) * 3000,
            **{"start_us": (OLD_US if number % 2 else START_US) + number, **said},
        )
        for number in numbers
    ]
    context.store.spans.insert_spans(writes).result(8)


def left(context: Context) -> list[int]:
    found = context.store.spans.list_edges((0, 2**52), 10_000)
    return sorted(int.from_bytes(edge.span_id, "big") for _, edge in found)


def test_everything_is_kept_unless_a_rule_says_otherwise(context: Context) -> None:
    keep(context, 1, 2)

    enforce(context)

    assert left(context) == [1, 2]


def test_what_is_older_than_the_days_goes_and_memories_stay(
    make_context: Make, caller: Caller, clock: Clock
) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="30")
    keep(context, *range(1, 9))
    clock.now_us = OLD_US
    remember(context, RememberRequest(content="An old memory"), caller)
    clock.now_us = START_US

    done = enforce(context)

    assert left(context) == [2, 4, 6, 8]
    assert done.spans == 4
    facts = context.store.facts()
    assert (facts.memory_count, facts.trace_count) == (1, 4)
    assert context.store.check() == []


def test_a_project_has_a_rule_of_its_own(context: Context, caller: Caller) -> None:
    project_id = place_of(context, caller).project_id
    context.store.spans.bind_session("mine", project_id)
    keep(context, 1, 2, session="mine")
    keep(context, 3, 4, session="other")
    context.store.retention.set_rule(RetentionRule(keep_days=30))
    context.store.retention.set_rule(RetentionRule(project_id=project_id, keep_days=1000))

    enforce(context)

    assert left(context) == [1, 2, 4]


def test_a_rule_may_be_for_what_is_sensitive_alone(context: Context) -> None:
    keep(context, 1, 3, 2)
    keep(context, 5, 7, 4, sensitivity=Sensitivity.PII)
    keep(context, 9, sensitivity=Sensitivity.INTERNAL)
    rule = RetentionRule(sensitivity=int(Sensitivity.PII), keep_days=30)
    context.store.retention.set_rule(rule)

    enforce(context)

    assert left(context) == [1, 2, 3, 4, 9]
    trace = context.store.spans.find_trace((5).to_bytes(16, "big"))
    assert trace is None


def test_a_span_goes_when_its_own_time_to_live_is_over(context: Context, clock: Clock) -> None:
    now_us = START_US + 10 * DAY_US
    keep(context, 2, start_us=now_us - 5 * 3_600_000_000, ttl_hours=4)
    keep(context, 4, start_us=now_us - 3 * 3_600_000_000, ttl_hours=4)
    keep(context, 6, start_us=now_us - 300 * 3_600_000_000)
    clock.now_us = now_us

    done = enforce(context)

    assert left(context) == [4, 6]
    assert done.outlived == 1


def test_the_oldest_hours_of_a_project_go_until_it_fits(context: Context) -> None:
    hour_us = 3_600_000_000
    for number in range(2, 42, 2):
        keep(context, number, start_us=START_US + number * hour_us)
    context.store.retention.set_rule(RetentionRule(keep_bytes=33_000))

    enforce(context)

    assert left(context) == list(range(22, 42, 2)), "ten of 3,251 bytes fit"


def test_the_oldest_go_until_the_file_fits_and_it_is_really_smaller(make_context: Make) -> None:
    context = make_context(FLOWTRACE_RETENTION_BYTES="3000000")
    hour_us = 3_600_000_000
    for number in range(2, 62, 2):
        keep_large(context, number, START_US + number * hour_us)
    context.store.scrub_log()
    path = context.settings.db_path
    before = path.stat().st_size

    done = enforce(context)

    assert before > 6_000_000
    assert done.bytes_after <= 3_000_000
    assert path.stat().st_size < 3_500_000
    assert left(context)[-1] == 60_063, "the newest stay"
    assert context.store.check() == []


def keep_large(context: Context, number: int, start_us: int) -> None:
    chance = random.Random(number)
    writes = [
        span(
            number if one == 0 else number * 1000 + one,
            trace_id=number.to_bytes(16, "big"),
            start_us=start_us + one,
            session=f"s-{number}",
            raw=chance.randbytes(4000),
        )
        for one in range(64)
    ]
    context.store.spans.insert_spans(writes).result(8)


def test_log_records_and_points_go_too(make_context: Make, clock: Clock) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="30")
    pipeline = Pipeline(context.store, clock)
    pipeline.logs(otlp_bodies.logs(5).SerializeToString(), PayloadEncoding.PROTOBUF)
    pipeline.metrics(otlp_bodies.metrics(5).SerializeToString(), PayloadEncoding.PROTOBUF)
    before = context.store.facts().log_count
    clock.now_us = 2**51

    done = enforce(context)

    facts = context.store.facts()
    assert before == 5
    assert (facts.log_count, facts.metric_point_count) == (0, 0)
    assert done.records == 5


def test_batches_become_smaller_when_they_take_long(context: Context) -> None:
    run = Enforcement(context=context)

    run._adapt(1.0)
    small = run._limit
    for _ in range(10):
        run._adapt(0.0)

    assert small == 32
    assert run._limit == 512
    assert run.done.longest_batch_s == 1.0


def test_a_run_that_is_stopped_goes_on_at_the_next(make_context: Make) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="30")
    keep(context, *range(1, 2001, 2))

    enforce(context, stop=lambda: True)
    some = len(left(context))
    enforce(context)

    assert 0 < some < 1000
    assert left(context) == []


def test_it_runs_once_an_hour_in_the_background(make_context: Make, clock: Clock) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="30")
    keeping = Keeping(context)
    keep(context, 1)
    keeping.run_once()
    keep(context, 3)

    keeping.run_once()
    meanwhile = left(context)
    clock.now_us += 3_600_000_001
    keeping.run_once()

    assert meanwhile == [3]
    assert left(context) == []
    assert RUN_LIMIT_US < 10_000_000


def test_a_file_that_becomes_too_large_does_not_wait_for_the_hour(
    make_context: Make, clock: Clock
) -> None:
    context = make_context(FLOWTRACE_RETENTION_BYTES="1500000")
    keeping = Keeping(context)
    keeping.run_once()
    for number in range(2, 12, 2):
        keep_large(context, number, START_US + number * 3_600_000_000)
    too_large = context.store.retention.used_bytes()

    keeping.run_once()
    meanwhile = context.store.retention.used_bytes()
    clock.now_us += SIZE_PERIOD_US
    keeping.run_once()

    assert meanwhile == too_large > 1_500_000
    assert context.store.retention.used_bytes() <= 1_500_000


@pytest.mark.parametrize("session", ["s-1", ""])
def test_work_told_by_a_sender_goes_with_its_values(
    make_context: Make, clock: Clock, session: str
) -> None:
    context = make_context(FLOWTRACE_RETENTION_DAYS="1")
    work = Work(context, session)
    work.call("claude-sonnet-4-5", **{"input.value": "prompt " * 2000})
    work.store()
    clock.now_us += 10 * DAY_US

    enforce(context)

    with context.store._database.reading() as reader:
        assert reader.execute("SELECT count(*) FROM contents").get == 0
        assert reader.execute("SELECT count(*) FROM usage").get == 0


def test_a_sender_says_how_long_and_how_sensitive(context: Context) -> None:
    work = Work(context)
    work.span("one", **{"flowtrace.ttl_hours": 12, "flowtrace.sensitivity": "pii, internal"})
    work.span("two", **{"flowtrace.ttl_hours": "9999999", "flowtrace.sensitivity": "what"})
    work.span("three", **{"flowtrace.ttl_hours": True})
    work.store()

    edges = context.store.spans.list_trace_edges(bytes.fromhex(work.trace_id()))
    said = sorted((edge.ttl_hours, int(edge.sensitivity)) for edge in edges)
    assert said == [(0, 0), (12, Sensitivity.PII | Sensitivity.INTERNAL), (65535, 0)]
