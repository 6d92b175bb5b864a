"""Calls on their way to becoming spans: never in the way, never without end."""

import threading

from flowtrace_mcp.errors import StorageError
from flowtrace_mcp.services.self_traces import CALLS_LIMIT, SelfTraces, ToolRun
from tests.waiting import wait_until


def run(number=0):
    return ToolRun(tool=f"tool {number}", start_ns=1, end_ns=2, arguments={}, answer={})


def test_calls_are_handed_over_on_another_thread_in_their_order():
    taken, threads = [], []

    def take(runs):
        taken.extend(one.tool for one in runs)
        threads.append(threading.current_thread())

    self_traces = SelfTraces(lambda: True, lambda: take)
    for number in range(3):
        self_traces.note(run(number))
    self_traces.stop(5)

    assert taken == ["tool 0", "tool 1", "tool 2"]
    assert threading.current_thread() not in threads


def test_nothing_is_imported_or_started_when_it_is_off():
    opened = []
    self_traces = SelfTraces(lambda: False, lambda: opened.append)
    self_traces.note(run())
    self_traces.stop(5)

    assert self_traces._thread is None
    assert opened == []


def test_calls_that_cannot_be_told_do_not_stop_the_later_ones():
    taken = []

    def take(runs):
        if not taken:
            taken.append("refused")
            raise StorageError("the file does not take it")
        taken.extend(one.tool for one in runs)

    self_traces = SelfTraces(lambda: True, lambda: take)
    self_traces.note(run(1))
    wait_until(lambda: taken)
    self_traces.note(run(2))
    self_traces.stop(5)

    assert taken == ["refused", "tool 2"]


def test_no_more_than_the_limit_waits():
    release, taken = threading.Event(), []

    def take(runs):
        taken.append(len(runs))
        release.wait(5)

    self_traces = SelfTraces(lambda: True, lambda: take)
    self_traces.note(run())
    wait_until(lambda: taken)
    for number in range(CALLS_LIMIT + 10):
        self_traces.note(run(number))
    release.set()
    self_traces.stop(5)

    assert taken == [1, CALLS_LIMIT]
