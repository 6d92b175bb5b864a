import pytest

from flowtrace_mcp.model.project import identify_project, normalised_remote


@pytest.mark.parametrize(
    "url",
    [
        "git@Example.com:Owner/Name.git",
        "https://example.com/owner/name",
        "https://user:secret@example.com/owner/name.git",
        "ssh://git@example.com:22/owner/name.git/",
        "example.com:owner/name",
    ],
)
def test_every_way_to_write_a_remote_is_one(url: str) -> None:
    assert normalised_remote(url) == "example.com/owner/name"


@pytest.mark.parametrize("path", ["/srv/git/name.git", "C:\\repos\\name", "../name"])
def test_a_remote_on_this_machine_stays_a_path(path: str) -> None:
    assert normalised_remote(path) == path


def test_a_name_that_was_told_wins_over_the_repository() -> None:
    project = identify_project(
        named="shop", remote="git@h:o/n", common_dir="/a/.git", folder="/a", branch="main"
    )

    assert (project.identity, project.name, project.branch) == ("name:shop", "shop", "main")


def test_clones_of_one_remote_are_one_project() -> None:
    here, there = (
        identify_project(
            named="", remote=remote, common_dir=f"{folder}/.git", folder=folder, branch=""
        )
        for remote, folder in (("git@h.org:o/n.git", "/a"), ("https://h.org/o/n", "/b"))
    )

    assert here == there
    assert here.name == "n"


def test_worktrees_without_a_remote_are_one_project() -> None:
    here, there = (
        identify_project(
            named="", remote="", common_dir="/a/shop/.git", folder=folder, branch=""
        ).identity
        for folder in ("/a/shop", "/a/shop-feature")
    )

    assert here == there == "repo:/a/shop/.git"


@pytest.mark.parametrize(("common_dir", "name"), [("/a/shop/.git", "shop"), ("/a/b.git", "b")])
def test_a_repository_without_remote_is_named_after_its_folder(common_dir: str, name: str) -> None:
    project = identify_project(named="", remote="", common_dir=common_dir, folder="/x", branch="")

    assert project.name == name


@pytest.mark.parametrize(("folder", "name"), [("/home/ada/notes", "notes"), ("/", "/")])
def test_outside_a_repository_the_folder_is_the_project(folder: str, name: str) -> None:
    project = identify_project(named="", remote="", common_dir="", folder=folder, branch="")

    assert (project.identity, project.name) == (f"folder:{folder}", name)
