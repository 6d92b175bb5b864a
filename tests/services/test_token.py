import os
import stat
import threading
from pathlib import Path

import pytest

from flowtrace_mcp.errors import SettingsError
from flowtrace_mcp.services.token import read_or_create_token

ONE = "a" * 43
OTHER = "b" * 43


def test_the_first_to_ask_makes_the_token_and_the_next_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "token"

    made = read_or_create_token(path, lambda: ONE)
    read = read_or_create_token(path, lambda: OTHER)

    assert made == read == ONE
    assert [one.name for one in path.parent.iterdir()] == ["token"]


def test_tokens_differ_from_folder_to_folder(tmp_path: Path) -> None:
    made = {read_or_create_token(tmp_path / name / "token") for name in ("a", "b")}

    assert len(made) == 2


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_only_its_owner_may_read_a_new_token(tmp_path: Path) -> None:
    path = tmp_path / "home" / "token"

    read_or_create_token(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")
def test_a_token_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(ONE)
    path.chmod(0o644)

    assert read_or_create_token(path) == ONE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_whoever_comes_second_in_a_race_gets_the_token_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "token"

    def beaten() -> str:
        read_or_create_token(path, lambda: ONE)
        return OTHER

    assert read_or_create_token(path, beaten) == ONE
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_ask_at_once_get_one_token(tmp_path: Path) -> None:
    path = tmp_path / "token"
    together = threading.Barrier(8, timeout=5)
    got: list[str] = []

    def ask() -> None:
        together.wait()
        got.append(read_or_create_token(path))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)

    assert len(got) == 8
    assert len(set(got)) == 1


@pytest.mark.parametrize("content", [b"", b"short", b"a" * 44, b"a" * 42 + b" ", b"\xe9" * 43])
def test_a_file_that_holds_something_else_is_refused_and_kept(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match="cannot use the token file") as refused:
        read_or_create_token(path)

    assert "remove the file" in refused.value.mend
    assert path.read_bytes() == content


def test_a_refusal_does_not_show_what_the_file_holds(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("hunter2")

    with pytest.raises(SettingsError) as refused:
        read_or_create_token(path)

    assert "hunter2" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    with pytest.raises(SettingsError, match="cannot be read or made"):
        read_or_create_token(tmp_path / "home" / "token")
