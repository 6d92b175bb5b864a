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


@pytest.mark.promise("projects-apart")
@pytest.mark.parametrize("form", ["{}", "{}/.git", "file://{}", "../shop"])
def test_a_clone_of_a_folder_is_the_same_project(repository: Path, form: str) -> None:
    clone, clones_clone = repository.parent / "clone", repository.parent / "again"
    git(repository.parent, "clone", "-q", str(repository), str(clone))
    git(repository.parent, "clone", "-q", str(clone), str(clones_clone))
    git(clone, "remote", "set-url", "origin", form.format(repository))

    identities = {project_of(folder).identity for folder in (repository, clone, clones_clone)}

    assert len(identities) == 1


def test_a_clone_of_a_clone_has_the_remote_of_the_first(repository: Path) -> None:
    git(repository, "remote", "add", "origin", "https://example.com/o/shop")
    clone = repository.parent / "clone"
    git(repository.parent, "clone", "-q", str(repository), str(clone))

    assert project_of(clone).identity == "git:example.com/o/shop"


def test_clones_of_each_other_and_of_what_is_gone_are_still_told_apart(repository: Path) -> None:
    clone = repository.parent / "clone"
    git(repository.parent, "clone", "-q", str(repository), str(clone))
    git(repository, "remote", "add", "origin", str(clone))
    assert project_of(clone).identity

    git(clone, "remote", "set-url", "origin", "/nowhere/shop")
    assert project_of(clone).identity == "git:/nowhere/shop"


def test_a_bare_repository_and_its_clones_are_one_project(repository: Path) -> None:
    bare, clone = repository.parent / "shop.git", repository.parent / "clone"
    git(repository.parent, "clone", "-q", "--bare", str(repository), str(bare))
    git(bare, "remote", "remove", "origin")
    git(repository.parent, "clone", "-q", str(bare), str(clone))

    assert project_of(clone).identity == project_of(bare).identity
    assert project_of(clone).name == "shop"


def test_a_hook_of_another_repository_does_not_mislead(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "-q")
    wanted = project_of(repository)

    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))

    assert project_of(repository) == wanted


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
