"""Files that a memory names: bound to what they held, marked when they hold something else."""

import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.model.memory import ScopeName
from flowtrace_mcp.services.context import Caller, Context
from flowtrace_mcp.services.evidence import (
    FILE_LIMIT_BYTES,
    QUESTION_LIMIT_FILES,
    Checks,
    FileContents,
    blob_id_of,
    bound_files,
    changes_of,
    root_of,
)
from flowtrace_mcp.services.history import history
from flowtrace_mcp.services.recall import Recalled, RecallRequest, recall, row_of
from flowtrace_mcp.services.remember import RememberRequest, remember
from tests.services.test_projects import git


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    (folder / "src/db.py").write_text("PORT = 5432\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    return folder


@pytest.fixture
def here(caller: Caller, repository: Path) -> Caller:
    return replace(caller, folder=str(repository))


def keep(context: Context, caller: Caller, content: str, *files: str, **more: object) -> str:
    request = RememberRequest(content=content, files=files, **more)  # type: ignore[arg-type]  # any field
    return remember(context, request, caller).id


def ask(context: Context, caller: Caller, query: str, *expand: str) -> Recalled:
    return recall(context, RecallRequest(query=query, expand=expand), caller)


def test_a_listed_path_is_shown_nowhere_and_does_not_count_as_changed(
    make_context: Callable[..., Context], here: Caller, repository: Path
) -> None:
    (repository / "bluebird.py").write_text("A = 1\n")
    handle = keep(make_context(), here, "The flag is in one file", "bluebird.py")
    listed = make_context(FLOWTRACE_REDACT="bluebird")
    later = keep(listed, here, "The switch is in one file", "bluebird.py")

    found = ask(listed, here, "which file").memories
    (repository / "bluebird.py").write_text("A = 2\n")
    opened = [row for one in (handle, later) for row in ask(listed, here, "", one).memories]
    told = history(listed, handle, here)

    assert {row.id: row.is_stale for row in found} == {handle: False, later: False}
    assert "bluebird" not in str([row.changed for row in opened])
    assert opened[0].changed == ("[redacted:listed].py",)
    assert [change.path for change in told[0].changed_files] == ["[redacted:listed].py"]


@given(st.binary(max_size=300))
def test_a_blob_id_is_what_git_says(content: bytes) -> None:
    told = subprocess.run(
        ["git", "hash-object", "--stdin"], input=content, capture_output=True, check=True
    )

    assert blob_id_of(content) == told.stdout.decode().strip()


def test_a_file_is_bound_to_its_content_from_wherever_it_is_named(repository: Path) -> None:
    contents, blob = FileContents(), blob_id_of(b"PORT = 5432\n")
    absolute = str(repository / "src/db.py")

    for folder, path in (
        (repository, "src/db.py"),
        (repository, "./src/../src/db.py"),
        (repository / "src", "db.py"),
        (repository / "src", "src/db.py"),
        (repository / "src", absolute),
    ):
        assert bound_files(contents, str(folder), [path], ScopeName.REPO) == {"src/db.py": blob}


@pytest.mark.parametrize(
    "path",
    ["../outside.txt", "/etc/hostname", "link.txt", "src", "gone.py", "nul\0", "\ud800", "."],
)
def test_what_is_no_file_of_the_repository_is_named_and_not_read(
    repository: Path, path: str
) -> None:
    (repository.parent / "outside.txt").write_text("secret")
    (repository / "link.txt").symlink_to(repository.parent / "outside.txt")

    assert list(bound_files(FileContents(), str(repository), [path], ScopeName.REPO).values()) == [
        ""
    ]


def test_a_pipe_is_not_read(repository: Path) -> None:
    os.mkfifo(repository / "pipe")

    assert bound_files(FileContents(), str(repository), ["pipe"], ScopeName.REPO) == {"pipe": ""}


def test_a_file_that_is_too_long_is_not_read(repository: Path) -> None:
    with (repository / "long.bin").open("wb") as file:
        file.truncate(FILE_LIMIT_BYTES + 1)

    bound = bound_files(FileContents(), str(repository), ["long.bin"], ScopeName.REPO)

    assert bound == {"long.bin": ""}


def test_nothing_is_bound_without_a_folder_or_for_all_projects(repository: Path) -> None:
    contents = FileContents()

    assert bound_files(contents, "", ["src/db.py"], ScopeName.REPO) == {"src/db.py": ""}
    assert bound_files(contents, str(repository), ["src/db.py"], ScopeName.GLOBAL) == {
        "src/db.py": ""
    }
    assert root_of("") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.write_text("PORT = 5433\n"),
        lambda file: file.unlink(),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (file.unlink(), file.symlink_to("/etc/hostname")),
        lambda file: os.truncate(file, FILE_LIMIT_BYTES + 1),
    ],
)
def test_a_file_that_holds_something_else_is_told(
    context: Context, here: Caller, repository: Path, change: object
) -> None:
    keep(context, here, "The port stands in db.py", "src/db.py")
    assert "flag" not in row_of(ask(context, here, "port").memories[0])

    change(repository / "src/db.py")  # type: ignore[operator]  # one of the functions above

    assert row_of(ask(context, here, "port").memories[0])["flag"] == "verify"


def test_a_memory_whose_file_has_changed_stands_further_down(
    context: Context, here: Caller, repository: Path
) -> None:
    (repository / "README.md").write_text("about\n")
    doubtful = keep(context, here, "The port is named in a file", "src/db.py")
    sound = keep(context, here, "The port is named in a page", "README.md")
    (repository / "src/db.py").write_text("HOST = 1\n")

    rows = ask(context, here, "port is named in").memories

    assert [row.id for row in rows] == [sound, doubtful]
    assert rows[1].score < rows[0].score


def test_a_file_that_is_put_back_is_sound_again(
    context: Context, here: Caller, repository: Path
) -> None:
    keep(context, here, "The port stands in db.py", "src/db.py")
    (repository / "src/db.py").write_text("other\n")
    assert ask(context, here, "port").memories[0].is_stale

    (repository / "src/db.py").write_text("PORT = 5432\n")

    assert not ask(context, here, "port").memories[0].is_stale


def test_saying_it_again_binds_the_file_anew(
    context: Context, here: Caller, repository: Path
) -> None:
    keep(context, here, "The port stands in db.py", "src/db.py")
    (repository / "src/db.py").write_text("PORT = 5433\n")

    keep(context, here, "The port stands in db.py", "src/db.py")

    assert not ask(context, here, "port").memories[0].is_stale


def test_another_worktree_is_held_against_its_own_files(
    context: Context, here: Caller, repository: Path
) -> None:
    keep(context, here, "The port stands in db.py", "src/db.py")
    worktree = repository.parent / "shop-fix"
    git(repository, "worktree", "add", "-q", "-b", "fix", str(worktree))
    there = replace(here, folder=str(worktree / "src"))
    assert not ask(context, there, "port").memories[0].is_stale

    (worktree / "src/db.py").write_text("PORT = 1\n")

    assert ask(context, there, "port").memories[0].is_stale
    assert not ask(context, here, "port").memories[0].is_stale


def test_a_memory_that_is_opened_tells_the_commit(
    context: Context, here: Caller, repository: Path
) -> None:
    handle = keep(context, here, "The port stands in db.py", "src/db.py")
    (repository / "src/db.py").write_text("PORT = 5433\n")
    assert row_of(ask(context, here, "", handle).memories[0])["changed"] == ["src/db.py"]

    git(repository, "commit", "-q", "-a", "-m", "move the port")

    commit = subprocess.run(
        ["git", "-C", str(repository), "log", "-1", "--format=%h"], capture_output=True, check=True
    ).stdout.decode()
    row = row_of(ask(context, here, "", handle).memories[0])
    assert (row["flag"], row["changed"]) == ("verify", [f"src/db.py ({commit.strip()})"])


def test_without_a_folder_nothing_is_said_of_files(
    context: Context, here: Caller, caller: Caller, repository: Path
) -> None:
    handle = keep(context, here, "The port stands in db.py", "src/db.py")
    (repository / "src/db.py").unlink()
    memory = context.store.memories.find_memory(handle)

    assert not ask(context, caller, "port").memories[0].is_stale
    assert memory is not None
    assert changes_of(FileContents(), "", memory) == ()


def test_one_question_looks_at_a_bounded_number_of_files(
    context: Context, here: Caller, repository: Path
) -> None:
    handle = keep(context, here, "The port stands in db.py", "src/db.py")
    (repository / "src/db.py").unlink()
    memory = context.store.memories.find_memory(handle)
    assert memory is not None
    checks = Checks(FileContents(), str(repository))

    told = [checks.changed_files(memory) for _ in range(QUESTION_LIMIT_FILES + 1)]

    assert told[:QUESTION_LIMIT_FILES] == [["src/db.py"]] * QUESTION_LIMIT_FILES
    assert told[-1] == []


def test_a_file_is_read_once_while_it_stays_as_it_is(repository: Path) -> None:
    contents, file = FileContents(), repository / "src/db.py"

    first, again = contents.blob_id(file), contents.blob_id(file)

    assert first == (blob_id_of(b"PORT = 5432\n"), 12)
    assert again == (first[0], 0)
