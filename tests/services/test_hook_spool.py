"""What hooks kept in a file is taken up, once and whole."""

import json
import threading

import pytest

from flowtrace_mcp.cli.hook_sender import spool, spool_line
from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.services import hook_spool, take_hooks
from flowtrace_mcp.services.hook_spool import SPOOL_FILE, TAKING_FILE, HookSpool

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
