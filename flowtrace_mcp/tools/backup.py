"""The tool `backup`: make, list and verify backups; restoring is a person's decision."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from flowtrace_mcp.services.backups import (
    Backup,
    BackupRequest,
    create_backup,
    list_backups,
    verify_backup,
)
from flowtrace_mcp.tools.declaring import Answer, Arguments, Call, Reply, Tool, hints

SHOWN_MOST: Final = 20


class BackupArguments(Arguments):
    """What to do."""

    action: Annotated[
        Literal["list", "create", "verify"], Field(description="verify needs a name")
    ] = "list"
    name: Annotated[str, Field(description="Of the backup; create finds one itself")] = ""


class BackupAnswer(Answer):
    """Backups, newest first, and how to restore one."""

    backups: tuple[dict[str, Any], ...] = ()
    more: int = 0
    restore: str = ""


def _run(call: Call, arguments: BackupArguments) -> Reply:
    if arguments.action == "create":
        found = [create_backup(call.context, BackupRequest(name=arguments.name))]
        done = "made"
    elif arguments.action == "verify":
        found, done = [verify_backup(call.context, arguments.name)], "is whole"
    else:
        found, done = list_backups(call.context), ""
    shown = found[:SHOWN_MOST]
    answer = BackupAnswer(
        backups=tuple(_row(one) for one in shown),
        more=len(found) - len(shown),
        restore=f"flowtrace backup restore {shown[0].backup_id}" if shown else "",
    )
    lines = [f"{one.backup_id} {done}".rstrip() for one in shown] or ["no backup yet"]
    return Reply(answer=answer, text="\n".join(lines))


def _row(backup: Backup) -> dict[str, Any]:
    counts = backup.manifest.counts
    return {
        "id": backup.backup_id,
        "at": backup.manifest.created_at,
        "bytes": backup.size_bytes,
        "memories": counts.get("memories", 0),
        "spans": counts.get("spans", 0),
    }


TOOL: Final = Tool(
    name="backup",
    description=(
        "Call when the user asks for a backup, or before a change that may cost what is stored:"
        " it lists, makes or verifies backups of all memories and traces while agents go on"
        " working. To restore one, tell the user the command of the answer."
    ),
    arguments=BackupArguments,
    answer=BackupAnswer,
    annotations=hints(reads=False),
    run=_run,
)
