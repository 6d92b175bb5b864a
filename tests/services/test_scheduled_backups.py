"""Backups by the clock."""

from collections.abc import Callable
from pathlib import Path

import pytest

from flowtrace_mcp.errors import DamagedError, InputError
from flowtrace_mcp.services.backups import BackupRequest, create_backup, list_backups
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.remember import RememberRequest, remember
from flowtrace_mcp.services.scheduled_backups import (
    AFTER_FAILURE_US,
    HOUR_US,
    ScheduledBackups,
    back_up_if_due,
)
from tests.services.conftest import Clock

Make = Callable[..., Context]


def test_a_backup_is_made_when_it_is_due_and_not_before(make_context: Make, clock: Clock) -> None:
    context = make_context(FLOWTRACE_BACKUP_HOURS="24")

    first_due_us = back_up_if_due(context)
    back_up_if_due(context)
    clock.now_us = first_due_us
    back_up_if_due(context)

    made = [one.backup_id for one in list_backups(context)]
    assert len(made) == 2
    assert all(name.startswith("auto_") for name in made)


def test_the_newest_are_kept_and_what_was_made_by_hand_stays(
    make_context: Make, clock: Clock
) -> None:
    context = make_context(FLOWTRACE_BACKUP_HOURS="1", FLOWTRACE_BACKUP_KEEP="2")
    create_backup(context, BackupRequest(name="mine"))

    for _ in range(4):
        clock.now_us = back_up_if_due(context)

    assert len([one for one in list_backups(context) if one.backup_id != "mine"]) == 2
    assert "mine" in [one.backup_id for one in list_backups(context)]


def test_a_clock_that_was_set_back_does_not_stop_them(make_context: Make, clock: Clock) -> None:
    context = make_context(FLOWTRACE_BACKUP_HOURS="1")
    back_up_if_due(context)

    clock.now_us -= 1000 * HOUR_US
    back_up_if_due(context)

    assert len(list_backups(context)) == 2


def test_none_is_made_unless_it_is_asked_for(context: Context) -> None:
    scheduled = ScheduledBackups(context)

    scheduled.run_once()
    scheduled.join(1)

    assert list_backups(context) == []


def test_they_are_encrypted_with_the_passphrase_of_a_file(
    make_context: Make, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("a long passphrase\n", encoding="utf-8")
    context = make_context(FLOWTRACE_BACKUP_HOURS="1", FLOWTRACE_BACKUP_PASSPHRASE_FILE=str(secret))

    back_up_if_due(context)

    (backup,) = list_backups(context)
    assert backup.manifest.encryption is not None


def test_a_passphrase_that_cannot_be_read_makes_no_open_backup(make_context: Make) -> None:
    context = make_context(
        FLOWTRACE_BACKUP_HOURS="1", FLOWTRACE_BACKUP_PASSPHRASE_FILE="/nowhere/secret"
    )

    with pytest.raises(InputError):
        back_up_if_due(context)

    assert list_backups(context) == []


def test_a_damaged_file_pushes_no_good_backup_out(
    make_context: Make, caller: Caller, clock: Clock
) -> None:
    context = make_context(FLOWTRACE_BACKUP_HOURS="1", FLOWTRACE_BACKUP_KEEP="1")
    for number in range(60):
        remember(context, RememberRequest(content=f"fact {number} " + "words " * 200), caller)
    context.store._database.scrub_log()
    clock.now_us = back_up_if_due(context)
    path = context.settings.db_path
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // 4096 * 4096)
        file.write(b"\xff" * 16384)

    scheduled = ScheduledBackups(context)
    scheduled.run_once()
    scheduled.join(9)

    assert "hold together" in scheduled.problem or "cannot be read" in scheduled.problem
    assert scheduled._pause.holds(clock.now_us + AFTER_FAILURE_US // 2)
    assert len(list_backups(context)) == 1
    with pytest.raises(DamagedError):
        back_up_if_due(context)
