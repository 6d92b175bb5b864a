"""A backup's content back into the file that is in use: instead of what is there, or beside it."""

import importlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from flowtrace_mcp.errors import BusyError
from flowtrace_mcp.services.backups import (
    DATABASE_FILE,
    adopt_copy,
    backups_folder,
    find_backup,
    free_id,
    refuse_full,
    storage_paths,
    unpacked,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.restore_modes import RestoreMode
from flowtrace_mcp.storage.audit import AuditEntry
from flowtrace_mcp.storage.file_copy import Note

PRE_RESTORE_PREFIX: Final = "pre_restore_"


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreRequest:
    """Which backup, and how."""

    backup_id: str
    mode: RestoreMode = RestoreMode.REPLACE
    passphrase: str = ""


@dataclass(slots=True, kw_only=True)
class Restored:
    """What a restore did; with ``merge``, what was new of the backup."""

    backup_id: str
    pre_restore_backup: str
    mode: RestoreMode
    added: dict[str, int] = field(default_factory=dict)
    differing: int = 0  # memories of which another version is here; that one stays

    def body(self) -> dict[str, object]:
        """Return the answer of REST and of the command."""
        merged = {"added": self.added, "differing": self.differing}
        return {
            "success": True,
            "backup_id": self.backup_id,
            "pre_restore_backup": self.pre_restore_backup,
            "mode": self.mode.value,
            "requires_restart": False,
            **(merged if self.mode is RestoreMode.MERGE else {}),
        }


def restore_backup(
    context: Context, request: RestoreRequest, note: Note = lambda _: None
) -> Restored:
    """Restore a backup while agents work; what is there is kept as a backup of its own first.

    Replacing is one transaction: until it commits everybody sees the former content. What others
    wait to write at that moment is refused as busy, and is in neither.

    Raises:
        NotFoundError: There is none of that name.
        DamagedError: It is not what was written, or its tables are not ours.
        NewerFileError: A newer Flowtrace made it.
        AccessError: It is encrypted, with another passphrase.
    """
    backup = find_backup(context, request.backup_id)
    copies = context.store.copies
    with unpacked(context, backup, request.passphrase) as copy:
        copies.prepare(copy, context.now_us())
        # The copy kept, and the log that holds the new content until it is copied back.
        present_bytes = context.settings.db_path.stat().st_size
        refuse_full(context, present_bytes + 2 * copy.stat().st_size)
        folder = backups_folder(context) / free_id(context, PRE_RESTORE_PREFIX)

        def keep() -> None:
            with storage_paths():
                folder.mkdir(mode=0o700)
            copies.copy_raw(folder / DATABASE_FILE, is_paced=False)

        if request.mode is RestoreMode.REPLACE:
            copies.replace_with(copy, keep, note)
        else:
            keep()
        done = Restored(
            backup_id=backup.backup_id,
            pre_restore_backup=adopt_copy(context, folder).backup_id,
            mode=request.mode,
        )
        if request.mode is RestoreMode.MERGE:
            # By name and late: it loads all importers, and most processes never merge.
            merging = importlib.import_module("flowtrace_mcp.services.merge_copy")
            merged = merging.merge_copy(context, copy, note)
            done.added, done.differing = merged.added, merged.differing
        _note_restored(context, backup.backup_id, request.mode)
        return done


def _note_restored(context: Context, backup_id: str, mode: RestoreMode) -> None:
    """Keep in the audit record what was done, in the content that is there now.

    The first write of this process is refused, as that of every other: what waited was made for the
    content before.
    """
    entry = AuditEntry(
        at_us=context.now_us(), who="here", action="backup", what=f"restored {backup_id} ({mode})"
    )
    for _ in range(2):
        with suppress(BusyError):
            context.store.access.insert_entries([entry])
            return
