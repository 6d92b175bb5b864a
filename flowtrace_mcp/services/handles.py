"""Find the memory that a typed id means, and help on when there is none."""

from collections.abc import Iterator
from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.ids import HANDLE_LENGTH, forgiven_handle, parse_handle
from flowtrace_mcp.model.memory import Memory
from flowtrace_mcp.services.context import Context

NEAR_LIMIT: Final = 3
# Fewer characters than this fit too many ids to be of help.
_LEAST_CHARACTERS: Final = 3
_PREFIX_CHARACTERS: Final = 5


def find_named_memory(context: Context, typed: str, project_id: int) -> Memory:
    """Return the memory of a project, or of the global layer, that a typed id means.

    Args:
        context: The means of the program.
        typed: As a person or an agent gave it; case, blanks and o, i, l for 0, 1 are forgiven.
        project_id: Whose memories may be seen.

    Raises:
        InputError: Not an id; ids that are nearly the same are named.
        NotFoundError: The project has no such memory; near ids are named here too.
    """
    try:
        handle = parse_handle(typed)
    except InputError as error:
        near = _near(context, forgiven_handle(typed), project_id)
        raise InputError(error.what, why=error.why, mend=near or error.mend) from error
    memory = context.store.memories.find_memory(handle)
    if memory is None or memory.project_id not in (0, project_id):
        raise NotFoundError(
            f"no memory {handle}",
            why="this project has none of that id",
            mend=_near(context, handle, project_id) or "copy the id from a recall answer",
        )
    return memory


def _near(context: Context, typed: str, project_id: int) -> str:
    patterns = list(_patterns(typed))
    handles = context.store.memories.list_near_handles(project_id, patterns, NEAR_LIMIT)
    return "did you mean " + " or ".join(handles) if handles else ""


def _patterns(typed: str) -> Iterator[str]:
    """Yield LIKE patterns of ids one slip away: a character wrong, missing, too many, swapped."""
    if not _LEAST_CHARACTERS <= len(typed) <= HANDLE_LENGTH + 1:
        return
    yield typed[:_PREFIX_CHARACTERS] + "%"
    for place in range(len(typed) + 1):
        before, after = typed[:place], typed[place:]
        yield f"{before}_{after}"
        if after:
            yield f"{before}_{after[1:]}"
            yield f"{before}{after[1:]}"
            yield f"{before}{after[1:2]}{after[:1]}{after[2:]}"
