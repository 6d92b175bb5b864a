from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.services.recount import RUN_LIMIT_US, StaleHours, prove_hours
from flowtrace_mcp.storage.use_hours import UseFilter
from tests.services.work import START_US, Work

HOUR = START_US - START_US % HOUR_US
ALL = UseFilter(since_us=0, until_us=2**52)


def make_stale(context):
    """Store a call in each of two hours and move them to a project."""
    Work(context).call("claude-opus-4-1", 0)
    work = Work(context)
    work.call("claude-opus-4-1", 0)
    work.call("claude-opus-4-1", 3600)
    work.store()
    context.store.spans.bind_session("s-1", context.store.project_id("git:x", "x"))
    assert len(context.store.uses.list_stale(10)) == 2


def projects(context):
    return [one.first for one in context.store.uses.list_uses("project", ALL, 10)]


def test_a_failed_call_keeps_its_model_when_its_hour_is_counted_again(context):
    work = Work(context)
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-opus-4-1",
    }
    work.span("chat", error="overloaded", **attributes)
    work.span("invoke_agent", **attributes | {"gen_ai.operation.name": "invoke_agent"})
    work.store()

    assert prove_hours(context, mend=False).wrong_hours_us == ()


def test_stale_hours_are_counted_again_in_the_background(context):
    make_stale(context)

    assert StaleHours(context).run_once() == 2
    assert context.store.uses.list_stale(10) == []
    assert projects(context) == [1]


def test_after_a_long_count_others_can_write(context, clock, monkeypatch):
    make_stale(context)
    recount = context.store.uses.recount

    def slow(hour_us):
        clock.now_us += 2 * RUN_LIMIT_US
        recount(hour_us)

    monkeypatch.setattr(context.store.uses, "recount", slow)
    stale = StaleHours(context)

    assert [stale.run_once() for _ in range(3)] == [1, 0, 0]
    clock.now_us += 100 * RUN_LIMIT_US
    assert stale.run_once() == 1


def test_a_proof_finds_nothing_wrong_where_spans_only_came(context):
    work = Work(context)
    work.call("claude-opus-4-1", 0)
    work.call("claude-opus-4-1", 3600)
    work.store()
    told = []

    proof = prove_hours(context, mend=False, tell=told.append)

    assert (proof.hour_count, proof.row_count, proof.wrong_hours_us) == (2, 2, ())
    assert told == [1, 2]


def test_a_wrong_sum_is_found_and_counted_again(context):
    work = Work(context)
    work.call("claude-opus-4-1", 0)
    work.store()
    context.store._database.write(lambda c: c.execute("UPDATE use_hours SET input_tokens = 9"))

    assert prove_hours(context, mend=False).wrong_hours_us == (HOUR,)
    assert prove_hours(context, mend=True).wrong_hours_us == (HOUR,)
    assert prove_hours(context, mend=False).wrong_hours_us == ()


def test_hours_that_wait_are_counted_and_are_no_fault(context):
    make_stale(context)

    proof = prove_hours(context, mend=True)

    assert (proof.stale_count, proof.wrong_hours_us) == (2, ())
    assert context.store.uses.list_stale(10) == []
