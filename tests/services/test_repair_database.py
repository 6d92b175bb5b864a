"""A repair says beforehand what keeps it from being one."""

from pathlib import Path

import pytest

from flowtrace_mcp.errors import NotFoundError, ReadOnlyError
from flowtrace_mcp.services import repair_database as repairing
from flowtrace_mcp.services.repair_database import repair_database
from flowtrace_mcp.settings import Settings


def test_there_has_to_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        repair_database(Settings(home=tmp_path, db_path=tmp_path / "no.db"), 0)


def test_a_disk_without_room_is_told_before_anything_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(bytes(5000))
    monkeypatch.setattr(repairing, "COPIES", 2**60)

    with pytest.raises(ReadOnlyError):
        repair_database(Settings(home=tmp_path, db_path=path), 0)

    assert list(tmp_path.iterdir()) == [path]
