"""Which project a caller means who has no folder here, only a name."""

from typing import Final

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.model.project import ProjectIdentity, identify_project
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.services.context import Context

NAME_CHARACTERS: Final = 200
# The project of those who come over HTTP and name none: our own folder says nothing of theirs.
UNNAMED_PROJECT: Final = "http"


def named_project(context: Context, told: str) -> ProjectIdentity:
    """Return the project that a text means: one that is known by it, else a new one.

    Args:
        context: The means of the program.
        told: An identity or a name; "" = the project of the settings.

    Raises:
        InputError: Several projects have that name.
    """
    wanted = storable(told.strip())[:NAME_CHARACTERS] or context.settings.project or UNNAMED_PROJECT
    new = identify_project(named=wanted, remote="", common_dir="", folder="", branch="")
    known = context.store.list_projects()
    exact = [one for one in known if one.identity in (wanted, new.identity)]
    matching = exact or [one for one in known if one.name == wanted]
    numbers = {one.merged_into or one.project_id for one in matching}
    found = [one for one in known if one.project_id in numbers]
    if len(found) > 1:
        raise InputError(
            f"{len(found)} projects are called {wanted[:80]!r}",
            why="repositories of one name are different projects",
            mend="give one of their identities: " + ", ".join(one.identity for one in found[:5]),
        )
    if not found:
        return new
    return ProjectIdentity(identity=found[0].identity, name=found[0].name)
