import subprocess
from pathlib import Path

import pytest

from flowtrace_mcp.services.projects import folder_of, project_of


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b", *arguments],
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    git(folder, "commit", "-q", "--allow-empty", "-m", "start")
    return folder


@pytest.mark.promise("projects-apart")
def test_a_worktree_is_the_same_project_on_another_branch(repository: Path) -> None:
    worktree = repository.parent / "shop-fix"
    git(repository, "worktree", "add", "-q", "-b", "fix", str(worktree))

    home, away = project_of(repository), project_of(worktree)

    assert home.identity == away.identity
    assert (home.branch, away.branch) == ("main", "fix")


@pytest.mark.promise("projects-apart")
def test_a_clone_is_the_same_project(repository: Path) -> None:
    for folder in (repository, repository.parent / "clone"):
        if folder != repository:
            git(repository.parent, "clone", "-q", str(repository), str(folder))
        git(folder, "remote", "remove", "origin") if folder != repository else None
        git(folder, "remote", "add", "origin", "git@example.com:o/shop.git")

    assert project_of(repository) == project_of(repository.parent / "clone")


def test_a_remote_of_any_name_counts_when_there_is_no_origin(repository: Path) -> None:
    git(repository, "remote", "add", "upstream", "https://example.com/o/shop")

    assert project_of(repository).identity == "git:example.com/o/shop"


def test_a_subfolder_is_its_repository(repository: Path) -> None:
    below = repository / "src"
    below.mkdir()

    assert project_of(below) == project_of(repository)


def test_a_folder_without_git_is_a_project_of_its_own(tmp_path: Path) -> None:
    assert project_of(tmp_path).identity == f"folder:{tmp_path.resolve()}"


def test_without_the_git_program_the_folder_is_the_project(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")

    assert project_of(repository).identity == f"folder:{repository.resolve()}"


def test_the_editor_tells_the_folder(tmp_path: Path) -> None:
    assert folder_of({"CLAUDE_PROJECT_DIR": "/repo"}, tmp_path) == Path("/repo")
    assert folder_of({}, tmp_path) == tmp_path
