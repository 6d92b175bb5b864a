"""What hooks kept in a file is taken up, once and whole."""

import json
import os
import threading

import pytest

from flowtrace_mcp.cli.hook_sender import SPOOL_LIMIT_BYTES, spool, spool_line
from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.services import hook_spool, take_hooks
from flowtrace_mcp.services.hook_spool import HookSpool
from flowtrace_mcp.services.spool_state import FULL_BYTES, SPOOL_FILE, TAKING_FILE, spool_problem
from flowtrace_mcp.services.status import ListenerFacts, status

TIME_US = 1_795_340_369_304_000


def keep(home, number, **more):
    told = {"session_id": "s", "hook_event_name": "PreCompact", "number": number, **more}
    line = spool_line(TIME_US + number, "claude-code", "", "", json.dumps(told).encode())
    assert spool(str(home), line)


@pytest.fixture
def home(context):
    return context.settings.home


def test_all_of_it_is_stored_and_the_file_goes(context, home):
    for number in range(5):
        keep(home, number)

    assert HookSpool(context).run_once() == 5

    assert context.store.facts().log_count == 5
    assert not (home / SPOOL_FILE).exists()
    assert not (home / TAKING_FILE).exists()


def test_nothing_waits_where_there_is_no_file(context):
    assert HookSpool(context).run_once() == 0


def test_several_batches_are_stored(context, home, monkeypatch):
    monkeypatch.setattr(hook_spool, "BATCH_EVENTS", 2)
    for number in range(5):
        keep(home, number)

    assert HookSpool(context).run_once() == 5
    assert context.store.facts().log_count == 5


def test_a_take_up_that_was_cut_short_begins_again(context, home):
    for number in range(3):
        keep(home, number)
    HookSpool(context).run_once()
    for number in range(3):
        keep(home, number)
    (home / SPOOL_FILE).rename(home / TAKING_FILE)
    keep(home, 3)

    assert HookSpool(context).run_once() == 4
    assert context.store.facts().log_count == 4


def test_damaged_lines_are_left_out(context, home):
    with (home / SPOOL_FILE).open("wb") as file:
        file.write(b"1 77 claude-code - - e\n2 77 claude-code - - e30=\n1 77 emacs - - e30=\nx\n")
    keep(home, 0)

    assert HookSpool(context).run_once() == 1


def test_what_a_closed_store_does_not_take_stays(context, home):
    keep(home, 0)
    context.store.stop_writing()

    with pytest.raises(FlowtraceError):
        HookSpool(context).run_once()

    assert (home / TAKING_FILE).exists()


def test_a_spooled_session_is_bound_to_its_project(context, home, tmp_path):
    shop = tmp_path / "shop"
    shop.mkdir()
    keep(home, 0, cwd=str(shop))

    HookSpool(context).run_once()

    number = context.store.spans.find_session_project("s")
    assert context.store.find_project_named("shop") == number


def test_hooks_that_write_meanwhile_lose_nothing(context, home):
    writers = [
        threading.Thread(target=lambda start=start: [keep(home, start + n) for n in range(50)])
        for start in (0, 100, 200)
    ]
    taker = HookSpool(context)

    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        taker.run_once()
    for writer in writers:
        writer.join()
    taker.run_once()

    assert context.store.facts().log_count == 150


class SlowDesk:
    """A desk whose file is not through with a batch when the wait for it ends."""

    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.taken = []

    def take_late(self, batch):
        self.taken.append(len(batch))
        outcome = self.outcomes.pop(0)
        return outcome() if callable(outcome) else outcome


def test_what_is_not_on_disk_yet_is_not_overwritten_by_what_comes_next(context, home):
    for number in range(3):
        keep(home, number)
    desk = SlowDesk(False, False)
    assert HookSpool(context, desk).run_once() == 0
    keep(home, 3)

    assert HookSpool(context, desk).run_once() == 0
    assert HookSpool(context).run_once() == 4

    assert desk.taken == [3, 3]
    assert context.store.facts().log_count == 4


def test_only_the_file_that_was_read_is_removed(context, home):
    keep(home, 0)

    def another_takes_both_up():
        (home / TAKING_FILE).unlink()
        keep(home, 1)
        (home / SPOOL_FILE).rename(home / TAKING_FILE)
        return True

    HookSpool(context, SlowDesk(another_takes_both_up)).run_once()

    assert HookSpool(context).run_once() == 1


def test_an_event_that_breaks_us_stops_none_behind_it(context, home, monkeypatch):
    real = take_hooks.hook_span_writes

    def break_at_two(events, *more):
        if any(event.turn == "2" for event in events):
            raise RuntimeError("a fault of ours")
        return real(events, *more)

    monkeypatch.setattr(take_hooks, "hook_span_writes", break_at_two)
    for number in range(4):
        keep(home, number, hook_event_name="UserPromptSubmit", prompt_id=str(number))

    assert HookSpool(context).run_once() == 4
    assert context.store.facts().log_count == 4
    assert context.store.facts().span_count == 3


def test_what_nobody_takes_up_is_told_after_a_minute(context, home):
    assert spool_problem(home, TIME_US) == ""
    keep(home, 0)
    written_us = (home / SPOOL_FILE).stat().st_mtime_ns // 1000

    assert spool_problem(home, written_us + 1_000_000) == ""
    assert "takes them up" in spool_problem(home, written_us + 61_000_000)
    assert status(context, ListenerFacts()).problems == ()  # the test's clock stands before it


def test_a_full_spool_is_told_at_once(context, home):
    (home / SPOOL_FILE).touch()
    os.truncate(home / SPOOL_FILE, FULL_BYTES)

    assert "let go" in spool_problem(home, TIME_US)
    assert "let go" in status(context, ListenerFacts()).problems[0]


def test_a_hook_lets_go_at_the_size_that_is_told_as_full():
    assert FULL_BYTES == SPOOL_LIMIT_BYTES
