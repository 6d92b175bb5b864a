"""Processes killed at any moment while others write, and a restore under all of them."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from flowtrace_mcp.services.backups import BackupRequest, create_backup, find_backup, unpacked
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.meaning import Meaning
from flowtrace_mcp.services.restore import RestoreRequest, restore_backup
from flowtrace_mcp.services.restore_modes import RestoreMode
from flowtrace_mcp.settings import load_settings
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.torture.storms import storm
from tests.torture.workload import Heard, faults, stored

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


def heard(answers: set[str]) -> Heard:
    return Heard(kept=set(answers))


def context_of(store: Store) -> Context:
    settings = load_settings(
        {"FLOWTRACE_HOME": str(store.path.parent), "FLOWTRACE_EMBEDDER": "off"}
    )
    return Context(
        settings=settings,
        store=store,
        meaning=Meaning("off", lambda _: None),
        now_us=lambda: START_US,
        random_bytes=os.urandom,
    )


@pytest.mark.promise("durable")
def test_kills_at_random_lose_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "flowtrace.db"
    with storm(path, 4, seed=1) as blowing:
        for _ in range(6):
            blowing.kill_one(after_lines=30)
        blowing.end()
        answered = blowing.answered()

    assert blowing.kills == 10
    assert answered
    assert faults(path, heard(answered)) == []


@pytest.mark.parametrize("mode", list(RestoreMode))
def test_a_restore_under_writing_processes_loses_nothing(tmp_path: Path, mode: RestoreMode) -> None:
    path = tmp_path / "flowtrace.db"
    with closing(Store(path, lambda: START_US)) as store, storm(path, 3, seed=2) as blowing:
        context = context_of(store)
        for writer in blowing.writers:
            writer.wait_for(20)
        create_backup(context, BackupRequest(name="b"))
        for writer in blowing.writers:
            writer.wait_for(len(writer.lines) + 10)

        done = restore_backup(context, RestoreRequest(backup_id="b", mode=mode))
        for writer in blowing.writers:  # nobody was started anew, and all go on writing
            writer.wait_for(len(writer.lines) + 10)
        blowing.end()

        answered = blowing.answered()
        held = stored(store)
        before = held_by(context, done.pre_restore_backup)
        assert answered <= {*held, *before}, "in the file, or in the copy kept before"
        assert len(held) == len(set(held))
        assert store.check() == []
        if mode is RestoreMode.MERGE:
            assert answered <= set(held)


def held_by(context: Context, name: str) -> list[str]:
    """Return what a backup holds."""
    with (
        unpacked(context, find_backup(context, name)) as copy,
        closing(Store(copy, lambda: START_US)) as inside,
    ):
        return stored(inside)
