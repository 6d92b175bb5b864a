"""Budgets: set, looked at, told once, and stopping agents that are told to stop."""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.ingest.hook_reading import read_hook
from flowtrace_mcp.model.times import DAY_US, HOUR_US
from flowtrace_mcp.services.budget_watch import TRACES_A_LOOK, BudgetWatch
from flowtrace_mcp.services.budget_words import find_stop, reached_lines
from flowtrace_mcp.services.budgets import (
    AMOUNT_MOST,
    THRESHOLDS_MOST,
    BudgetRequest,
    find_budget,
    find_request,
    is_local_address,
    list_states,
    set_budget,
)
from flowtrace_mcp.services.hook_answers import answer_to
from flowtrace_mcp.services.status import ListenerFacts, status
from flowtrace_mcp.storage.budgets import BUDGETS_LIMIT
from tests.services.work import START_US, Work

# Opus 4.1 costs 15 USD a million tokens of input: this is 1.5 USD.
SPENT = (100_000, 0)


@pytest.fixture
def watch(context):
    watch = BudgetWatch(context)
    yield watch
    watch.close()


@pytest.fixture
def put(context):
    def put_budget(name="shop", period="daily", amount=2.0, **more):
        return set_budget(context, BudgetRequest(name=name, period=period, amount=amount, **more))

    return put_budget


def spend(context, session="s-1", at_s=0.0, tokens=SPENT, trace=1, **more):
    work = Work(context, session=session)
    work.call("claude-opus-4-1", at_s, tokens=tokens, trace=trace, **more)
    return work.store()


def events(context, name="shop"):
    budget = find_budget(context, name)
    found = context.store.budgets.list_events(budget.budget_id, 100)
    return [(event.threshold_percent, event.told) for event in found]


def test_what_is_spent_in_the_period_counts_and_nothing_else(context, clock, put):
    put()
    spend(context)
    spend(context, session="s-2", at_s=-DAY_US / 1_000_000)

    (state,) = list_states(context)

    assert state.spent == pytest.approx(1.5)
    assert state.percent == pytest.approx(75.0)
    clock.now_us = START_US + DAY_US
    assert list_states(context)[0].spent == 0.0


@pytest.mark.parametrize(
    ("more", "spent"),
    [
        ({"period": "total"}, 3.0),
        ({"period": "trace"}, 1.5),
        ({"unit": "tokens"}, 200_000),
        ({"unit": "tokens", "period": "trace"}, 100_000),
        ({"agent": "coder"}, 1.5),
        ({"agent": "coder", "period": "trace"}, 1.5),
        ({"agent": "nobody"}, 0.0),
        ({"agent": "nobody", "period": "trace"}, 0.0),
        ({"model": "claude-opus-4-1"}, 3.0),
        ({"model": "gpt-5"}, 0.0),
        ({"project": "elsewhere"}, 0.0),
        ({"project": "elsewhere", "period": "trace"}, 0.0),
    ],
)
def test_a_budget_counts_what_it_is_of(context, put, more, spent):
    spend(context, **{"gen_ai.agent.name": "coder"})
    spend(context, session="s-2", **{"gen_ai.agent.name": "planner"})

    put(**more)

    assert list_states(context)[0].spent == pytest.approx(spent)


def test_calls_without_a_price_are_told(context, put):
    work = Work(context)
    work.call("nobody-knows-9", 0, tokens=SPENT)
    work.store()
    put()

    (state,) = list_states(context)

    assert (state.spent, state.unpriced_count) == (0.0, 1)


@pytest.mark.promise("budgets")
def test_each_threshold_is_told_once_a_period(context, clock, watch, put):
    put(thresholds=(50, 80, 100))
    spend(context)

    assert watch.look() == 1
    assert watch.look() == 0
    spend(context, session="s-2")
    assert watch.look() == 2
    assert events(context) == [(100, "log"), (80, "log"), (50, "log")]
    clock.now_us = START_US + DAY_US
    spend(context, session="s-3", at_s=DAY_US / 1_000_000)
    assert watch.look() == 1


def test_a_second_process_tells_nothing_again(context, watch, put):
    put(thresholds=(50,))
    spend(context)
    other = BudgetWatch(context)

    assert (watch.look(), other.look()) == (1, 0)
    other.close()


def test_it_looks_when_spans_came_and_by_the_clock(context, clock, watch, put):
    put(thresholds=(50,))
    assert watch.run_once() == 0
    clock.now_us += 1_000_000  # what it rests
    spend(context)

    assert watch.run_once() == 1
    put(name="later", thresholds=(50,))
    clock.now_us += 1_000_000
    assert watch.run_once() == 0  # no spans since
    clock.now_us += 10_000_000
    assert watch.run_once() == 1


def test_each_dear_trace_is_told_and_no_more_than_some_at_once(context, watch, put):
    put(period="trace", amount=1.0)
    work = Work(context)
    for trace in range(1, TRACES_A_LOOK + 6):
        work.call("claude-opus-4-1", trace, trace=trace, tokens=SPENT)
    work.call("claude-opus-4-1", 0, trace=99, tokens=(10, 0))
    work.store()

    assert watch.look() == TRACES_A_LOOK
    assert watch.look() == 0
    assert "by trace" in reached_lines(context)[0]


def test_dear_traces_of_days_ago_are_not_told_of_today(context, clock, watch, put):
    put(period="trace", amount=1.0)
    spend(context)
    watch.look()
    clock.now_us = START_US + DAY_US + HOUR_US

    assert reached_lines(context) == ()


def test_a_paused_budget_is_not_looked_at(context, watch, put):
    put(is_active=False, thresholds=(1,))
    spend(context)

    assert watch.look() == 0
    assert reached_lines(context) == ()


def test_a_budget_set_again_tells_anew(context, watch, put):
    first = put(thresholds=(50,))
    spend(context)
    watch.look()

    again = put(thresholds=(50,), amount=2.5)

    assert (again.budget_id, again.created_us) == (first.budget_id, first.created_us)
    assert events(context) == []
    assert watch.look() == 1


def test_status_and_the_start_of_a_session_tell_what_was_reached(context, caller, watch, put):
    put(thresholds=(70,))
    put(name="elsewhere", project="elsewhere", thresholds=(1,))
    spend(context)
    watch.look()
    event, _ = read_hook("claude-code", b'{"hook_event_name": "SessionStart"}', START_US)

    answer = answer_to(context, event, lambda: caller.project)
    found = status(context, ListenerFacts())

    told = "budget 'shop' of today: 1.5 of 2 USD spent, which is past 70 %"
    assert found.budgets[0].startswith(told)
    assert found.health == "ok"
    assert answer["hookSpecificOutput"]["additionalContext"].startswith(told)


def test_a_budget_of_another_project_is_not_told_at_the_start(context, watch, put):
    put(project="elsewhere", thresholds=(1,))
    number = context.store.find_project_named("elsewhere")
    spend(context)
    context.store.spans.bind_session("s-1", number)
    context.store.uses.recount(START_US - START_US % HOUR_US)
    watch.look()

    assert len(reached_lines(context, number)) == 1
    assert reached_lines(context, number + 1) == ()


def hook(context, caller, **fields):
    event, _ = read_hook("claude-code", json.dumps(fields).encode(), START_US)
    return answer_to(context, event, lambda: caller.project)


def test_a_hard_limit_stops_prompts_and_tools_and_only_then(context, caller, watch, put):
    put(amount=3.0, stops=True)
    spend(context)
    watch.look()
    tool = {"hook_event_name": "PreToolUse", "tool_name": "Bash"}
    prompt = {"hook_event_name": "UserPromptSubmit", "prompt": "go on"}
    assert hook(context, caller, **tool) is None
    assert hook(context, caller, **prompt) is None

    spend(context, session="s-2")
    watch.look()

    denied = hook(context, caller, **tool)["hookSpecificOutput"]
    assert (denied["hookEventName"], denied["permissionDecision"]) == ("PreToolUse", "deny")
    assert "'shop'" in denied["permissionDecisionReason"]
    blocked = hook(context, caller, **prompt)
    assert blocked["decision"] == "block"
    assert "flowtrace budgets set" in blocked["reason"]
    assert hook(context, caller, hook_event_name="PostToolUse", tool_name="Bash") is None
    put(amount=4.0, stops=True)
    assert hook(context, caller, **tool) is None


def test_a_limit_that_is_not_hard_stops_nobody(context, caller, watch, put):
    put(amount=1.0)
    spend(context)
    watch.look()

    assert hook(context, caller, hook_event_name="PreToolUse", tool_name="Bash") is None


@pytest.mark.parametrize(
    ("more", "agent", "stops"),
    [
        ({"agent": "claude-code"}, "claude-code", True),
        ({"agent": "codex"}, "claude-code", False),
        ({"project": "here"}, "claude-code", True),
        ({"project": "elsewhere"}, "claude-code", False),
        ({"is_active": False}, "claude-code", False),
    ],
)
def test_whom_a_hard_limit_stops(context, watch, put, more, agent, stops):
    here = context.store.project_id("name:here", "here")
    budget = put(period="total", amount=1e-9, stops=True, **more)
    spend(context, **{"gen_ai.agent.name": more.get("agent", "")})
    context.store.spans.bind_session("s-1", max(budget.project_id, here))
    context.store.uses.recount(START_US - START_US % HOUR_US)
    watch.look()

    assert bool(find_stop(context, agent, lambda: here)) is stops


class Hearer:
    """A program on this machine that events are posted to."""

    def __init__(self):
        heard = self.heard = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                size = int(self.headers["content-length"])
                heard.append((self.path, json.loads(self.rfile.read(size))))
                self.send_response(302)
                self.send_header("location", "http://192.0.2.1/")
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/told?by=us"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def hearer():
    hearer = Hearer()
    yield hearer
    hearer.close()


def test_a_webhook_is_posted_the_event(context, hearer, put):
    put(thresholds=(50,), webhook=hearer.url)
    spend(context)
    watch = BudgetWatch(context)
    watch.look()
    watch.close()

    ((path, body),) = hearer.heard
    assert path == "/told?by=us"
    assert (body["budget"], body["threshold_percent"], body["amount"]) == ("shop", 50, 2.0)
    assert events(context) == [(50, "log; webhook: 302")]


def test_a_webhook_that_nobody_answers_is_noted(context, hearer, put):
    hearer.server.server_close()
    put(thresholds=(50,), webhook=hearer.url)
    spend(context)
    watch = BudgetWatch(context)
    watch.look()
    watch.close()

    ((_, told),) = events(context)
    assert told.startswith("log; webhook: failed")


def test_a_command_of_the_settings_is_run_without_a_shell(make_context, tmp_path):
    heard = tmp_path / "heard"
    script = "import sys; open(sys.argv[1], 'w').write(sys.argv[2] + '|' + sys.stdin.read())"
    command = json.dumps([sys.executable, "-c", script, str(heard)])
    context = make_context(FLOWTRACE_BUDGET_COMMAND=command)
    name = "$(touch no) `x`"
    set_budget(
        context,
        BudgetRequest(name=name, period="daily", amount=1.0, thresholds=(50,), runs_command=True),
    )
    spend(context)
    watch = BudgetWatch(context)
    watch.look()
    watch.close()

    line, _, body = heard.read_text().partition("|")
    assert line.startswith(f"budget {name!r} of today: 1.5 of 1 USD spent")
    assert json.loads(body)["budget"] == name
    assert events(context, name) == [(50, "log; command: exit code 0")]


def test_a_command_that_is_not_there_is_noted(make_context):
    context = make_context(FLOWTRACE_BUDGET_COMMAND='["/nowhere/at/all"]')
    request = BudgetRequest(
        name="shop", period="daily", amount=1.0, thresholds=(50,), runs_command=True
    )
    set_budget(context, request)
    spend(context)
    watch = BudgetWatch(context)
    watch.look()
    watch.close()

    assert "command: failed" in events(context)[0][1]


@pytest.mark.parametrize(
    "more",
    [
        {"name": " "},
        {"period": "yearly"},
        {"unit": "eur"},
        {"amount": 0.0},
        {"amount": -1.0},
        {"amount": float("nan")},
        {"amount": float("inf")},
        {"amount": AMOUNT_MOST * 2},
        {"thresholds": (0,)},
        {"thresholds": (1001,)},
        {"thresholds": tuple(range(1, THRESHOLDS_MOST + 2))},
        {"period": "trace", "stops": True},
        {"period": "trace", "model": "gpt-5"},
        {"runs_command": True},
        {"webhook": "http://example.com/"},
    ],
)
def test_what_is_no_budget_is_refused(put, more):
    with pytest.raises(InputError):
        put(**more)


@pytest.mark.parametrize(
    ("url", "is_local"),
    [
        ("http://127.0.0.1:9/x", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:80/", True),
        ("http://localhost/", True),
        ("https://127.0.0.1/", False),
        ("http://127.evil.example/", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://user@192.0.2.1/", False),
        ("http://127.0.0.1@192.0.2.1/", False),
        ("http://[::ffff:192.0.2.1]/", False),
        ("http://0.0.0.0/", False),
        ("http://127.0.0.1:99999/", False),
        ("http://127.0.0.1:0/", False),
        ("http://127.0.0.1/\r\nX: y", False),
        ("http://[::1", False),
        ("file:///etc/passwd", False),
        ("http://", False),
    ],
)
def test_only_this_machine_is_posted_to(url, is_local):
    assert is_local_address(url) is is_local


def test_there_is_a_bound_to_budgets(put):
    for number in range(BUDGETS_LIMIT):
        put(name=f"b-{number}")

    with pytest.raises(InputError, match="another budget"):
        put(name="one more")
    put(name="b-0", amount=3.0)


def test_a_name_is_of_one_budget(context, put):
    first, second = put(name="one"), put(name="two")

    with pytest.raises(InputError, match="already"):
        set_budget(context, BudgetRequest(name="one", period="daily", amount=1), second.budget_id)
    renamed = set_budget(
        context, BudgetRequest(name="three", period="daily", amount=1), first.budget_id
    )
    assert renamed.budget_id == first.budget_id
    with pytest.raises(NotFoundError):
        find_budget(context, "one")
    with pytest.raises(NotFoundError):
        set_budget(context, BudgetRequest(name="x", period="daily", amount=1), 12345)


def test_what_was_asked_for_can_be_asked_for_again(context, put):
    put(project="here", agent="a", model="m", thresholds=(5, 6), description="why")

    request = find_request(context, "shop")

    assert request is not None
    assert set_budget(context, request) == find_budget(context, "shop")
    assert find_request(context, "none") is None


def test_budgets_move_with_their_project(context, put):
    budget = put(project="old")
    target = context.store.project_id("name:new", "new")

    context.store.projects.merge(budget.project_id, target)

    assert find_budget(context, "shop").project_id == target
