"""Advice about the file: given where the figures call for it, and not otherwise."""

import pytest

from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services import storage_health as module
from flowtrace_mcp.services.storage_health import health_body, storage_health
from flowtrace_mcp.storage.retention_rules import RetentionRule
from tests.services.work import Work


def advice(context):
    return storage_health(context).advice


def test_a_sound_file_that_was_checked_needs_nothing(context):
    context.store.health.note_check(0)

    health = storage_health(context)

    assert health.advice == ()
    assert health.trees == ()
    body = health_body(health)
    assert body["last_integrity_check"]["problems"] == 0
    assert body["file_bytes"] > 0
    assert body["page_bytes"] == 4096


def test_a_file_never_or_long_ago_checked_should_be(context, clock):
    assert "never checked" in advice(context)[0]

    context.store.health.note_check(0)
    clock.now_us += 31 * DAY_US

    assert "the last check was on 2026-11-18" in advice(context)[0]


def test_damage_that_was_found_is_not_forgotten(context):
    context.store.health.note_check(3)

    assert "found damage" in advice(context)[0]


@pytest.mark.parametrize(
    ("limit", "value", "word"),
    [
        ("LARGE_LOG_BYTES", 1, "the log is long"),
        ("LARGE_FILE_BYTES", 1, "nothing is ever let go"),
        ("ROOM_FACTOR", 10**12, "a backup may not fit"),
    ],
)
def test_what_is_out_of_bounds_is_told(context, monkeypatch, limit, value, word):
    context.store.health.note_check(0)
    monkeypatch.setattr(module, limit, value)

    assert [word in one for one in advice(context)] == [True]


def test_a_rule_that_lets_go_answers_the_advice(context, monkeypatch):
    context.store.health.note_check(0)
    monkeypatch.setattr(module, "LARGE_FILE_BYTES", 1)

    context.store.retention.set_rule(RetentionRule(keep_days=90))

    assert advice(context) == ()


def test_free_pages_are_told(context, monkeypatch):
    context.store.health.note_check(0)
    work = Work(context)
    for number in range(300):
        work.tool("Read", number, arguments={"text": f"{number} " * 300}, trace=number + 1)
    work.store()
    monkeypatch.setattr(module, "FREE_LEAST_BYTES", 1)
    assert advice(context) == ()

    context.store.retention.delete_old_spans(0, 2**52, 1000)
    context.store.scrub_log()

    assert "is free" in advice(context)[0]
    assert storage_health(context).free_bytes > 0
