"""Backups as JSON: made, listed, restored, verified, sent away and taken in."""

from collections.abc import Iterator
from pathlib import Path

from flowtrace_mcp.rest.backups import MODE, CreateBody, PassphraseBody
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.services.backup_archives import export_backup, import_backup
from flowtrace_mcp.services.backups import (
    Backup,
    BackupRequest,
    create_backup,
    delete_backup,
    list_backups,
    making_folder,
    verify_backup,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.restore import RestoreRequest, restore_backup
from flowtrace_mcp.services.restore_modes import RestoreMode, parse_mode
from flowtrace_mcp.services.sealing import read_parts


def list_all(context: Context, question: Question) -> object:
    """Return all backups."""
    del question
    found = [backup.body() for backup in list_backups(context)]
    return {"backups": found, "total": len(found)}


def create(context: Context, question: Question) -> object:
    """Make a backup."""
    body = shaped(json_object(question.body or b"{}"), CreateBody)
    request = BackupRequest(
        name=body.name or "", is_compressed=bool(body.compress), passphrase=body.passphrase or ""
    )
    backup = create_backup(context, request)
    return {**_done(backup), "path": str(backup.path)}


def restore(context: Context, question: Question) -> object:
    """Restore a backup."""
    request = RestoreRequest(
        backup_id=question.path["backup_id"],
        mode=parse_mode(question.text(MODE) or RestoreMode.REPLACE.value),
        passphrase=_passphrase(question),
    )
    return restore_backup(context, request).body()


def verify(context: Context, question: Question) -> object:
    """Read a backup whole."""
    backup = verify_backup(context, question.path["backup_id"], _passphrase(question))
    return {**_done(backup), **backup.body()}


def delete(context: Context, question: Question) -> object:
    """Remove a backup."""
    return _done(delete_backup(context, question.path["backup_id"]))


def export(context: Context, question: Question) -> Iterator[bytes]:
    """Yield a backup as one zip file."""
    with making_folder(context) as folder:
        path = folder / "export.zip"
        export_backup(context, question.path["backup_id"], path)
        yield from read_parts(path)


def take_in(context: Context, path: Path) -> object:
    """Take in a zip file."""
    backup = import_backup(context, path)
    return {**_done(backup), "path": str(backup.path)}


def _done(backup: Backup) -> dict[str, object]:
    return {"success": True, "backup_id": backup.backup_id, "size_bytes": backup.size_bytes}


def _passphrase(question: Question) -> str:
    return shaped(json_object(question.body or b"{}"), PassphraseBody).passphrase or ""
