"""Let memories leave, whole and without secrets: as lines of JSON, or as pages of Markdown."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

import msgspec

from flowtrace_mcp.errors import NotFoundError
from flowtrace_mcp.model.ids import memory_handle
from flowtrace_mcp.model.memory_lines import (
    FORMAT_VERSION,
    DatedRow,
    HeaderLine,
    LinkLine,
    MemoryLine,
    ProjectLine,
    encode_line,
)
from flowtrace_mcp.model.memory_pages import memory_page
from flowtrace_mcp.model.project import ProjectIdentity
from flowtrace_mcp.model.redactor import Redactor
from flowtrace_mcp.model.text import storable
from flowtrace_mcp.model.times import iso_time
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.keys import note_action

# The page that says of a folder that it is an export, and which projects are in it.
FOLDER_FILE: Final = "flowtrace-export.jsonl"
GLOBAL_FOLDER: Final = "global"
_FOLDER_CHARACTERS: Final = 60
_UNFIT: Final = re.compile(r"[^\w.-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A file of an export."""

    path: str  # below the export's folder, with slashes
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """What to let leave, and who is told of it.

    Attributes:
        context: The means of the program.
        project_id: Of this project; None = all, with what belongs to none.
        redactor: Counts the secrets that were taken out.
        note: Called for every memory.
    """

    context: Context
    project_id: int | None
    redactor: Redactor
    note: Callable[[], None]

    @property
    def memory_count(self) -> int:
        """Return how many memories there are to leave."""
        return self.context.store.records.count(self.project_id)


def open_export(
    context: Context, project: ProjectIdentity | None, note: Callable[[], None] = lambda: None
) -> Export:
    """Return an export of one project, or (None) of all.

    Raises:
        NotFoundError: The file has no such project.
    """
    project_id = None
    if project is not None:
        known = {
            one.identity: one.merged_into or one.project_id for one in context.store.list_projects()
        }
        if project.identity not in known:
            raise NotFoundError(
                f"nothing to export of {project.name[:80]!r}",
                why="no memory of this project is stored",
                mend="name another with --project, or export --all",
            )
        project_id = known[project.identity]
    note_action(
        context, "export", f"memories of {'all projects' if project is None else 'a project'}"
    )
    return Export(
        context=context,
        project_id=project_id,
        redactor=Redactor(own=context.settings.redact),
        note=note,
    )


def export_lines(export: Export) -> Iterator[bytes]:
    """Yield the lines of a JSONL file: the same memories give the same bytes, everywhere."""
    for line in chain(_head(export), _memories(export), _links(export)):
        yield encode_line(line)


def export_pages(export: Export) -> Iterator[Page]:
    """Yield the files of a folder: one a memory, by project and kind."""
    yield Page(path=FOLDER_FILE, data=b"".join(map(encode_line, _head(export))))
    names = {one.identity: one.name for one in export.context.store.list_projects()}
    folders: dict[str, str] = {"": GLOBAL_FOLDER}
    links = _links(export)
    link = next(links, None)
    for line in _memories(export):
        own = []
        while link is not None and link.from_id <= line.id:  # both come in the order of ids
            own.append(link)
            link = next(links, None)
        folder = _folder(line.project, names.get(line.project, ""), folders)
        handle = memory_handle(bytes.fromhex(line.id))
        path = f"{folder}/{line.kind.value}/{iso_time(line.recorded_us)[:10]}-{handle}.md"
        yield Page(path=path, data=memory_page(line, own).encode())


def without_secrets(line: MemoryLine, redactor: Redactor) -> MemoryLine:
    """Return a memory on its way out or in, what was said in it redacted.

    Names by which it is found again (project, branch, session, agent, call) are only made
    storable: changed, they would be others.
    """
    return msgspec.structs.replace(
        line,
        project=storable(line.project),
        content=redactor.text(line.content),
        topic=redactor.text(line.topic),
        author=redactor.text(line.author),
        branch=storable(line.branch),
        session=storable(line.session),
        agent=storable(line.agent),
        tool_call_id=storable(line.tool_call_id),
        retraction=redactor.text(line.retraction),
        tags=_clean_rows(line.tags, redactor),
        aliases=_clean_rows(line.aliases, redactor),
        files=_clean_rows(line.files, redactor),
        lapses=tuple((begin, end, redactor.text(why)) for begin, end, why in line.lapses),
        metadata=dict(sorted(redactor.tree(line.metadata).items())),
    )


def _clean_rows(rows: Iterable[DatedRow], redactor: Redactor) -> tuple[DatedRow, ...]:
    cleaned = ((redactor.text(row[0]), row) for row in rows)
    # The blob id of a file says nothing of a path that is another now.
    return tuple(
        (shown, more if shown == value else "", begin, end)
        for shown, (value, more, begin, end) in cleaned
    )


def _head(export: Export) -> Iterator[HeaderLine | ProjectLine]:
    yield HeaderLine(version=FORMAT_VERSION)
    found = export.context.store.list_projects()
    for project in sorted(found, key=lambda one: one.identity):
        if export.project_id in {None, project.project_id}:
            yield ProjectLine(
                identity=project.identity, name=project.name, created_us=project.created_us
            )


def _memories(export: Export) -> Iterator[MemoryLine]:
    for line in export.context.store.records.memory_lines(export.project_id):
        export.note()
        yield without_secrets(line, export.redactor)


def _links(export: Export) -> Iterator[LinkLine]:
    return export.context.store.records.link_lines(export.project_id)


def _folder(identity: str, name: str, folders: dict[str, str]) -> str:
    """Return the folder of a project, its own even when another has the same name."""
    if identity not in folders:
        plain = _UNFIT.sub("-", name).strip("-.")[:_FOLDER_CHARACTERS] or "project"
        taken = {folder.lower() for folder in folders.values()}
        folder, number = plain, 1
        while folder.lower() in taken:
            number += 1
            folder = f"{plain}-{number}"
        folders[identity] = folder
    return folders[identity]
