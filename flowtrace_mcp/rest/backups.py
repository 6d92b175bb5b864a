"""Backups as JSON: made, listed, restored, verified, sent away and taken in."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.questions import Question, json_object, shaped
from flowtrace_mcp.rest.uploads import upload_route
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
from flowtrace_mcp.services.restore import (
    RestoreMode,
    RestoreRequest,
    parse_mode,
    restore_backup,
)
from flowtrace_mcp.services.sealing import read_parts

FIELD: Final = "backup"
_MODE: Final = Parameter(
    name="mode",
    one_of=tuple(RestoreMode),
    default=RestoreMode.REPLACE.value,
    means="replace what is there, or merge what it lacks",
)


class CreateBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """How to make a backup."""

    name: Annotated[str, msgspec.Meta(pattern="^([A-Za-z0-9][A-Za-z0-9_.-]{0,99})?$")] | None = None
    compress: bool | None = None
    passphrase: Annotated[str, msgspec.Meta(pattern="^(.{8,})?$", max_length=1000)] | None = None


class PassphraseBody(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What an encrypted backup is opened with."""

    passphrase: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


def backup_routes(endpoints: Endpoints) -> list[DeclaredRoute]:
    """Return the routes of backups."""
    one = "/api/v1/admin/backups/{backup_id}"
    passphrase = "`passphrase` of an encrypted one"  # noqa: S105 - a text of the documents
    return [
        endpoints.get("/api/v1/admin/backups", _list, says='`{"backups", "total"}`, newest first'),
        endpoints.post(
            "/api/v1/admin/backup",
            _create,
            bodies=(CreateBody,),
            body="`name`, `compress`, `passphrase`; each may be left out",
            says='makes one while others write: `{"success", "backup_id", "path", "size_bytes"}`',
        ),
        endpoints.post(
            f"{one}/restore",
            _restore,
            _MODE,
            bodies=(PassphraseBody,),
            body=passphrase,
            says=(
                '`{"success", "backup_id", "pre_restore_backup", "mode", "requires_restart"}`;'
                " nothing has to be restarted"
            ),
        ),
        endpoints.post(
            f"{one}/verify",
            _verify,
            bodies=(PassphraseBody,),
            body=passphrase,
            says="reads it whole and holds it against its hashes",
        ),
        endpoints.route("DELETE", one, _delete, says='`{"success", "backup_id", "size_bytes"}`'),
        endpoints.lines(
            f"{one}/export",
            _export,
            says="the backup as one zip file",
            media_type="application/zip",
        ),
        upload_route(
            endpoints,
            Declaration(
                method="POST",
                path="/api/v1/admin/backups/import",
                says="takes in such a zip file; nothing is restored yet",
                body=f"the zip file, as the field `{FIELD}` of a form or as it is",
                body_type="multipart/form-data",
            ),
            FIELD,
            _import,
        ),
    ]


def _list(context: Context, question: Question) -> object:
    del question
    found = [backup.body() for backup in list_backups(context)]
    return {"backups": found, "total": len(found)}


def _create(context: Context, question: Question) -> object:
    body = shaped(json_object(question.body or b"{}"), CreateBody)
    request = BackupRequest(
        name=body.name or "", is_compressed=bool(body.compress), passphrase=body.passphrase or ""
    )
    backup = create_backup(context, request)
    return {**_done(backup), "path": str(backup.path)}


def _restore(context: Context, question: Question) -> object:
    request = RestoreRequest(
        backup_id=question.path["backup_id"],
        mode=parse_mode(question.text(_MODE) or RestoreMode.REPLACE.value),
        passphrase=_passphrase(question),
    )
    return restore_backup(context, request).body()


def _verify(context: Context, question: Question) -> object:
    backup = verify_backup(context, question.path["backup_id"], _passphrase(question))
    return {**_done(backup), **backup.body()}


def _delete(context: Context, question: Question) -> object:
    return _done(delete_backup(context, question.path["backup_id"]))


def _export(context: Context, question: Question) -> Iterator[bytes]:
    with making_folder(context) as folder:
        path = folder / "export.zip"
        export_backup(context, question.path["backup_id"], path)
        yield from read_parts(path)


def _import(context: Context, path: Path) -> object:
    backup = import_backup(context, path)
    return {**_done(backup), "path": str(backup.path)}


def _done(backup: Backup) -> dict[str, object]:
    return {"success": True, "backup_id": backup.backup_id, "size_bytes": backup.size_bytes}


def _passphrase(question: Question) -> str:
    return shaped(json_object(question.body or b"{}"), PassphraseBody).passphrase or ""
