"""Put us into a client's configuration, and take us out again, leaving no trace.

Every file is read and the whole change made up before anything is written. A receipt in the data folder
keeps what was there; as long as nobody else has changed a file, taking out restores it byte for byte, else
only what is ours is taken out.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

import msgspec

from flowtrace_mcp.clients.table import SERVER, Client, Entry, Form, Places, Program, Scope
from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.text import UNDECODABLE
from flowtrace_mcp.services.client_files import (
    FileChange,
    check_writable,
    digest,
    entries_of,
    holds,
    read_file,
    value_at,
    with_entries,
    without_entries,
    write_change,
)

Part = Literal["server", "hooks", "telemetry"]
PARTS: Final[tuple[Part, ...]] = get_args(Part)
FOLDER: Final = "installs"


class KeptEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ours, as a receipt keeps it."""

    form: Form
    keys: tuple[str, ...]
    value: Any
    is_item: bool = False
    gives_way: bool = False

    @classmethod
    def of(cls, entry: Entry) -> "KeptEntry":
        """Return what is kept of an entry."""
        return cls(**{name: getattr(entry, name) for name in cls.__struct_fields__})

    def at(self, path: Path) -> Entry:
        """Return the entry in its file."""
        return Entry(path=path, **msgspec.structs.asdict(self))


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was changed: digests before and after, and where its bytes before are kept."""

    path: str
    before: str  # "" = it was not there
    after: str
    backup: str  # its name in the folder of receipts, "" = there was nothing to keep
    entries: tuple[KeptEntry, ...]
    is_restorable: bool = True  # not when somebody else wrote it between two installs


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What was put where."""

    client: str
    scope: Scope
    project: str
    parts: tuple[Part, ...]
    files: tuple[KeptFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Changes that are made up and not yet made."""

    name: str  # of the receipt
    changes: tuple[FileChange, ...]
    receipt: Receipt | None  # None = there is to be none any more
    notes: tuple[str, ...] = ()

    @property
    def touched(self) -> tuple[FileChange, ...]:
        """Return the changes that change anything."""
        return tuple(one for one in self.changes if one.before != one.after)


def plan_install(
    home: Path,
    client: Client,
    places: Places,
    program: Program,
    parts: Sequence[Part],
    scope: Scope = "user",
) -> Plan:
    """Make up what puts us into a client's files.

    Args:
        home: The data folder.
        client: Whose.
        places: Where things are.
        program: How we are started and reached.
        parts: What to put in; parts that are not named and are in already go.
        scope: For the person, or for one project; hooks and telemetry are a person's.

    Raises:
        InputError: A file cannot be understood or written; nothing was changed.
        NotFoundError: The client has no such scope.
    """
    if scope == "project" and not client.project(places):
        raise NotFoundError(
            f"{client.title} has no configuration of a project's",
            why="it reads that of the person alone",
            mend="leave --scope out",
        )
    name = receipt_name(client, places, scope)
    old = find_receipt(home, name)
    entries, done, notes = _wanted(client, places, program, parts, scope)
    kept = {Path(one.path): one for one in (old.files if old else ())}
    paths = list(dict.fromkeys([*(entry.path for entry in entries), *kept]))
    changes, files = [], []
    for path in paths:
        ours = entries_of(entries, path)
        before = read_file(path)
        after = _edited(path, before, ours, kept.get(path))
        if after != before:
            check_writable(path)
        changes.append(FileChange(path=path, before=before, after=after))
        if ours:
            files.append(_kept_file(name, path, (before, after), ours, kept.get(path)))
    receipt = Receipt(
        client=client.name,
        scope=scope,
        project=str(places.project) if scope == "project" else "",
        parts=tuple(done),
        files=tuple(files),
    )
    return Plan(name=name, changes=tuple(changes), receipt=receipt, notes=tuple(notes))


def plan_uninstall(
    home: Path, client: Client, places: Places, program: Program, scope: Scope = "user"
) -> Plan:
    """Make up what takes us out of a client's files.

    Raises:
        InputError: A file cannot be understood or written; nothing was changed.
        NotFoundError: We are not in any.
    """
    name = receipt_name(client, places, scope)
    receipt = find_receipt(home, name)
    if receipt is None:
        changes = list(_without_receipt(client, places, program, scope))
    else:
        changes = [_restored(home, one) for one in receipt.files]
    if not changes:
        raise NotFoundError(
            f"Flowtrace is not in the configuration of {client.title}",
            why="no receipt and no entry was found",
            mend=f"`flowtrace install {client.name}` puts it in",
        )
    for change in changes:
        if change.before != change.after:
            check_writable(change.path)
    return Plan(name=name, changes=tuple(changes), receipt=None)


def carry_out(home: Path, plan: Plan) -> None:
    """Keep what is there, write the receipt, then change the files.

    Raises:
        InputError: A file has changed meanwhile or cannot be written; `uninstall` undoes the rest.
    """
    folder = home / FOLDER
    home.mkdir(parents=True, exist_ok=True, mode=0o700)  # what makes parents leaves them open
    folder.mkdir(exist_ok=True, mode=0o700)
    receipt = plan.receipt
    if receipt is not None:
        before = {str(change.path): change.before for change in plan.changes}
        for kept in receipt.files:
            data = before.get(kept.path)
            if kept.backup and data is not None and not (folder / kept.backup).exists():
                (folder / kept.backup).write_bytes(data)
                (folder / kept.backup).chmod(0o600)
        (folder / f"{plan.name}.json").write_bytes(msgspec.json.encode(receipt))
    for change in plan.touched:
        write_change(change)
    if receipt is None:
        for path in folder.glob(f"{plan.name}.*"):
            path.unlink()


def receipt_name(client: Client, places: Places, scope: Scope) -> str:
    """Return the name under which a receipt is kept."""
    if scope == "user":
        return client.name
    return f"{client.name}-{digest(str(places.project).encode())[:16]}"


def find_receipt(home: Path, name: str) -> Receipt | None:
    """Return a receipt, None when there is none that can be read."""
    try:
        data = (home / FOLDER / f"{name}.json").read_bytes()
        return msgspec.json.decode(data, type=Receipt)
    except (OSError, *UNDECODABLE):
        return None


def present_parts(client: Client, places: Places, program: Program) -> set[Part]:
    """Return which parts of ours stand in a client's files of the person, whoever put them there."""
    found: set[Part] = set()
    for part in PARTS:
        entries = _entries(client, places, program, part, "user")
        if any(_is_ours(entry) for entry in entries):
            found.add(part)
    return found


def configured_server(client: Client, places: Places, program: Program) -> tuple[Scope, Any] | None:
    """Return where a client is told of our server, and what stands there; None = nowhere."""
    scopes: tuple[Scope, ...] = get_args(Scope)
    for scope in scopes:
        for entry in client.server_entries(places, program, scope):
            with suppress(InputError):  # `install` says what is wrong with the file
                value = value_at(entry.path, read_file(entry.path), entry)
                if value is not None:
                    return scope, value
    return None


def has_plugin(client: Client, places: Places) -> bool:
    """Say whether a plugin of ours is enabled in a client, which then starts us and has hooks."""
    for path in client.plugins(places):
        entry = Entry(path=path, form="json", keys=("enabledPlugins",), value=None)
        with suppress(InputError):
            enabled = value_at(path, read_file(path), entry)
            if isinstance(enabled, dict) and any(
                is_on is True and name.partition("@")[0] == SERVER
                for name, is_on in enabled.items()
            ):
                return True
    return False


def possible_parts(client: Client, places: Places, program: Program) -> list[Part]:
    """Return which parts of ours a client can have."""
    return [part for part in PARTS if _entries(client, places, program, part, "user")]


def _is_ours(entry: Entry) -> bool:
    try:
        data = read_file(entry.path)
        if entry.is_item or entry.gives_way:
            return holds(entry.path, data, entry) and entry.keys != ("version",)
        return value_at(entry.path, data, entry) is not None
    except InputError:
        return False


def _entries(
    client: Client, places: Places, program: Program, part: Part, scope: Scope
) -> Sequence[Entry]:
    match part:
        case "server":
            return client.server_entries(places, program, scope)
        case "hooks":
            return client.hooks(client, places, program)
        case "telemetry":
            return client.telemetry(client, places, program)


def _wanted(
    client: Client, places: Places, program: Program, parts: Sequence[Part], scope: Scope
) -> tuple[list[Entry], list[Part], list[str]]:
    entries: list[Entry] = []
    done: list[Part] = []
    notes: list[str] = []
    for part in parts:
        found = _entries(client, places, program, part, scope)
        foreign = _foreign(found)
        if part == "telemetry" and not program.otlp:
            notes.append("telemetry has no address while FLOWTRACE_OTLP_HTTP_PORT is 0: set a port")
        elif foreign:
            notes.append(
                f"{client.title} sends its telemetry elsewhere already ({foreign}); left alone"
            )
        elif not found:
            notes.append(f"{client.title} has no {part} that can be declared in a file")
        else:
            entries += found
            done.append(part)
    return entries, done, notes


def _foreign(entries: Sequence[Entry]) -> str:
    """Return what a person has set to something else than we would, "" when nothing is."""
    for entry in entries:
        found = value_at(entry.path, read_file(entry.path), entry) if entry.decides else None
        if found not in (None, entry.value):
            return ".".join(entry.keys)
    return ""


def _edited(
    path: Path, before: bytes | None, ours: Sequence[Entry], kept: KeptFile | None
) -> bytes | None:
    ours_kept = [KeptEntry.of(entry) for entry in ours]
    stale = [old.at(path) for old in (kept.entries if kept else ()) if old not in ours_kept]
    data = without_entries(path, before, stale) if before is not None and stale else before
    return with_entries(path, data, ours) if ours else data


def _kept_file(
    name: str,
    path: Path,
    change: tuple[bytes | None, bytes | None],
    ours: Sequence[Entry],
    kept: KeptFile | None,
) -> KeptFile:
    before, after = change
    entries = tuple(KeptEntry.of(one) for one in ours)
    if kept is not None and digest(before) == kept.after:  # nobody has touched it since
        return msgspec.structs.replace(kept, after=digest(after), entries=entries)
    if kept is not None:
        return msgspec.structs.replace(
            kept, after=digest(after), entries=entries, is_restorable=False
        )
    backup = "" if before is None else f"{name}.{digest(before)[:16]}.{path.name}"
    return KeptFile(
        path=str(path), before=digest(before), after=digest(after), backup=backup, entries=entries
    )


def _restored(home: Path, kept: KeptFile) -> FileChange:
    path = Path(kept.path)
    before = read_file(path)
    if before is None or digest(before) == kept.before:
        return FileChange(path=path, before=before, after=before)
    if digest(before) == kept.after and kept.is_restorable:
        backup = read_file(home / FOLDER / kept.backup) if kept.backup else None
        if digest(backup) == kept.before:
            return FileChange(path=path, before=before, after=backup)
    after: bytes | None = without_entries(path, before, [one.at(path) for one in kept.entries])
    if not kept.before and (after or b"").split() in ([], [b"{}"], [b"{", b"}"]):
        after = None
    return FileChange(path=path, before=before, after=after)


def _without_receipt(
    client: Client, places: Places, program: Program, scope: Scope
) -> Iterator[FileChange]:
    """Yield what takes out entries that stand there though no receipt tells of them."""
    entries = [entry for part in PARTS for entry in _entries(client, places, program, part, scope)]
    for path in dict.fromkeys(entry.path for entry in entries):
        data = read_file(path)
        ours = [entry for entry in entries_of(entries, path) if _is_ours(entry)]
        if data is not None and ours:
            yield FileChange(path=path, before=data, after=without_entries(path, data, ours))
