"""The projects of this file: listed, called something else, made one with another."""

from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.project import named_identity
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_projects import NAME_CHARACTERS
from flowtrace_mcp.storage.project_store import ProjectCounts
from flowtrace_mcp.storage.projects import StoredProject

_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownProject:
    """A project with what it holds."""

    project: StoredProject
    counts: ProjectCounts
    also: tuple[str, ...]  # identities that lead to it since they were merged into it


@dataclass(frozen=True, slots=True, kw_only=True)
class Merge:
    """One project made part of another, or what that would move."""

    source: StoredProject
    target: StoredProject
    moved: ProjectCounts
    is_done: bool


def list_known_projects(context: Context) -> list[KnownProject]:
    """Return every project of the file that is not part of another, in the order they came."""
    known = context.store.list_projects()
    return [
        KnownProject(
            project=project,
            counts=context.store.projects.count(project.project_id),
            also=tuple(one.identity for one in known if one.merged_into == project.project_id),
        )
        for project in known
        if project.merged_into is None
    ]


def merge_projects(context: Context, source: str, target: str, *, dry_run: bool) -> Merge:
    """Give all that one project holds to another: memories, their history, sessions and spans.

    Whoever comes from the first, by its repository or its name, is in the second from then on.
    It cannot be taken back, so a dry run tells first what would move.

    Args:
        context: The means of the program.
        source: The project to give up: its name, identity or number.
        target: The project that takes all.
        dry_run: Only say what would move.

    Raises:
        NotFoundError: There is no such project.
        InputError: Both are the same, or several projects have that name.
    """
    from_, into = _find(context, source), _find(context, target)
    if from_.project_id == into.project_id:
        raise InputError(
            "both are the same project",
            why=f"{source[:80]!r} and {target[:80]!r} lead to {into.identity}",
            mend="see `flowtrace project list`",
        )
    projects = context.store.projects
    moved = (
        projects.count(from_.project_id)
        if dry_run
        else projects.merge(from_.project_id, into.project_id)
    )
    return Merge(source=from_, target=into, moved=moved, is_done=not dry_run)


def rename_project(context: Context, told: str, name: str) -> StoredProject:
    """Call a project something else; what it holds stays, and it is found by both names.

    Raises:
        NotFoundError: There is no such project.
        InputError: The name is blank, too long or that of another project.
    """
    project = _find(context, told)
    wanted = storable(name.strip())
    if not 0 < len(wanted) <= NAME_CHARACTERS:
        raise InputError(
            f"a project cannot be called {name[:40]!r}",
            why=f"a name has 1 to {NAME_CHARACTERS} characters",
            mend="choose another",
        )
    others = [one for one in _matches(context, wanted) if one.project_id != project.project_id]
    if others:
        raise InputError(
            f"another project is called {wanted[:80]!r}",
            why=f"{others[0].identity} has that name",
            mend="choose another, or merge the two",
        )
    context.store.projects.rename(project.project_id, wanted, named_identity(wanted))
    return _find(context, str(project.project_id))


def _find(context: Context, told: str) -> StoredProject:
    found = _matches(context, storable(told.strip()))
    if not found:
        names = ", ".join(one.name for one in context.store.list_projects()[-_SHOWN:])
        raise NotFoundError(
            f"no project {told[:80]!r}",
            why=f"known ones are {names}" if names else "this file knows no project yet",
            mend="see `flowtrace project list`",
        )
    if len(found) > 1:
        raise InputError(
            f"{len(found)} projects are called {told[:80]!r}",
            why="repositories of one name are different projects",
            mend="give its number or identity: "
            + ", ".join(f"{one.project_id} {one.identity}" for one in found[:_SHOWN]),
        )
    return found[0]


def _matches(context: Context, told: str) -> list[StoredProject]:
    """Return the projects that a text means: by identity, else by name, else by number."""
    known = context.store.list_projects()
    by_id = {one.project_id: one for one in known}
    identities = (told, named_identity(told))
    found = (
        [one for one in known if one.identity in identities]
        or [one for one in known if one.name == told]
        or [one for one in known if str(one.project_id) == told]
    )
    return list(
        {
            one.merged_into or one.project_id: by_id[one.merged_into or one.project_id]
            for one in found
        }.values()
    )
