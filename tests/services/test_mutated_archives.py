"""Zip files broken at random: refused with an error of ours, and nothing is left of them."""

import random
from pathlib import Path

import pytest

from flowtrace_mcp.errors import FlowtraceError
from flowtrace_mcp.services.backup_archives import export_backup, import_backup
from flowtrace_mcp.services.backups import (
    BackupRequest,
    backups_folder,
    create_backup,
    delete_backup,
    list_backups,
    verify_backup,
)
from flowtrace_mcp.services.context import Context

ROUNDS = 120


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Return bytes with some of them changed, left out, or said twice."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        # The ends are where a zip file tells of itself.
        edge = chance.choice((0, max(len(changed) - 400, 0), chance.randrange(len(changed))))
        at = min(edge + chance.randrange(200), len(changed) - 1)
        match chance.randrange(3):
            case 0:
                changed[at] = chance.randrange(256)
            case 1:
                del changed[at : at + chance.randint(1, 50)]
            case _:
                changed[at:at] = changed[at : at + chance.randint(1, 50)]
    return bytes(changed)


@pytest.mark.parametrize("seed", range(3))
def test_a_broken_zip_file_is_refused_or_whole(context: Context, tmp_path: Path, seed: int) -> None:
    create_backup(context, BackupRequest(name="b", is_compressed=True))
    export_backup(context, "b", tmp_path / "b.zip")
    delete_backup(context, "b")
    sound, chance, refused = (tmp_path / "b.zip").read_bytes(), random.Random(seed), 0

    for _ in range(ROUNDS):
        (tmp_path / "broken.zip").write_bytes(mutated(sound, chance))
        try:
            import_backup(context, tmp_path / "broken.zip")
        except FlowtraceError:
            refused += 1

    assert refused > ROUNDS // 3
    for backup in list_backups(context):  # what was taken is whole: the change was beside it
        verify_backup(context, backup.backup_id)
    assert not list(backups_folder(context).glob(".making-*"))
