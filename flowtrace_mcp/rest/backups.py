"""The routes of backups; `backup_answers` answers them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import msgspec

from flowtrace_mcp.rest.declared import Declaration, DeclaredRoute, Parameter
from flowtrace_mcp.rest.endpoints import Endpoints
from flowtrace_mcp.rest.late import late, loaded
from flowtrace_mcp.rest.questions import Question
from flowtrace_mcp.rest.uploads import upload_route
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.restore_modes import RestoreMode

FIELD: Final = "backup"
MODE: Final = Parameter(
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
        endpoints.get(
            "/api/v1/admin/backups",
            late("backup_answers", "list_all"),
            says='`{"backups", "total"}`, newest first',
        ),
        endpoints.post(
            "/api/v1/admin/backup",
            late("backup_answers", "create"),
            bodies=(CreateBody,),
            body="`name`, `compress`, `passphrase`; each may be left out",
            says='makes one while others write: `{"success", "backup_id", "path", "size_bytes"}`',
        ),
        endpoints.post(
            f"{one}/restore",
            late("backup_answers", "restore"),
            MODE,
            bodies=(PassphraseBody,),
            body=passphrase,
            says=(
                '`{"success", "backup_id", "pre_restore_backup", "mode", "requires_restart"}`;'
                " nothing has to be restarted"
            ),
        ),
        endpoints.post(
            f"{one}/verify",
            late("backup_answers", "verify"),
            bodies=(PassphraseBody,),
            body=passphrase,
            says="reads it whole and holds it against its hashes",
        ),
        endpoints.route(
            "DELETE",
            one,
            late("backup_answers", "delete"),
            says='`{"success", "backup_id", "size_bytes"}`',
        ),
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


def _export(context: Context, question: Question) -> Iterator[bytes]:
    lines: Iterator[bytes] = loaded("backup_answers", "export")(context, question)
    return lines


def _import(context: Context, path: Path) -> object:
    return loaded("backup_answers", "take_in")(context, path)
