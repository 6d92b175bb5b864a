"""`flowtrace backup`: copies of everything, made while agents work, and the way back."""

import argparse
import getpass
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from flowtrace_mcp.cli.output import Style
from flowtrace_mcp.cli.program import Call
from flowtrace_mcp.cli.progress import Progress
from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.backup_archives import archive_name, export_backup, import_backup
from flowtrace_mcp.services.backups import (
    Backup,
    BackupRequest,
    create_backup,
    delete_backup,
    find_backup,
    list_backups,
    verify_backup,
)
from flowtrace_mcp.services.restore import RestoreRequest, restore_backup
from flowtrace_mcp.services.restore_modes import parse_mode

PASSPHRASE_VARIABLE: Final = "FLOWTRACE_BACKUP_PASSPHRASE"  # noqa: S105 - a name, not a secret
_LEAST_NAMED: Final = {"list": 0, "create": 0, "verify": 0}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "action",
        choices=list(_ACTIONS),
        metavar="ACTION",
        nargs="?",
        default="list",
        help="list, create, restore ID, delete ID, export ID, import ZIP, verify [ID]",
    )
    parser.add_argument("which", metavar="ID", nargs="?", default="", help="as `list` shows it")
    parser.add_argument("-n", "--name", default="", help="create, import: what to call it")
    parser.add_argument("-o", "--output", type=Path, metavar="ZIP", help="export: where to")
    parser.add_argument(
        "--mode",
        default="replace",
        help="restore: replace what is there, or merge what it lacks (default replace)",
    )
    parser.add_argument("--compress", action="store_true", help="create: pack it with zstd")
    parser.add_argument("--encrypt", action="store_true", help="create: with a passphrase")
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="PATH", help="its first line is the passphrase"
    )
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask before it")
    parser.add_argument("--progress", action="store_true", help="say how far it is, on stderr")


def run(call: Call, arguments: argparse.Namespace) -> int:
    """Do what was asked for."""
    if bool(arguments.which) < _LEAST_NAMED.get(arguments.action, 1):
        raise InputError(
            f"backup {arguments.action} needs to know which",
            why="no backup was named" if arguments.action != "import" else "no file was named",
            mend="see `flowtrace backup list`",
        )
    _ACTIONS[arguments.action](call, arguments)
    return 0


def _list(call: Call, arguments: argparse.Namespace) -> None:
    del arguments
    backups = list_backups(call.program.context())
    if call.output.is_json:
        found = [backup.body() for backup in backups]
        call.output.answer({"backups": found, "total": len(found)})
        return
    for backup in backups:
        _tell(call, backup)
    if not backups:
        call.output.say("no backup yet; `flowtrace backup create` makes one")


def _create(call: Call, arguments: argparse.Namespace) -> None:
    request = BackupRequest(
        name=arguments.name or arguments.which,
        is_compressed=arguments.compress,
        passphrase=_new_passphrase(call, arguments),
    )
    with_progress = Progress(output=call.output, label="copying", is_asked=arguments.progress)
    try:
        backup = create_backup(call.program.context(), request, with_progress.show)
    finally:
        with_progress.end()
    _answer(call, backup, {"path": str(backup.path)}, "made")


def _restore(call: Call, arguments: argparse.Namespace) -> None:
    context = call.program.context()
    backup = find_backup(context, arguments.which)
    request = RestoreRequest(
        backup_id=backup.backup_id,
        mode=parse_mode(arguments.mode),
        passphrase=_passphrase(call, arguments) if backup.manifest.encryption else "",
    )
    _confirm(arguments, f"Restore {backup.backup_id} ({request.mode.value})?")
    progress = Progress(output=call.output, label="restoring", is_asked=arguments.progress)
    try:
        done = restore_backup(context, request, progress.show)
    finally:
        progress.end()
    if call.output.is_json:
        call.output.answer(done.body())
        return
    call.output.say(f"restored {done.backup_id} ({done.mode.value}); nothing has to be restarted")
    for what, count in done.added.items():
        call.output.say(f"  new {what.replace('_', ' ')}: {count:,}")
    call.output.say(f"what was there before: {done.pre_restore_backup}", Style.DIM)


def _delete(call: Call, arguments: argparse.Namespace) -> None:
    context = call.program.context()
    find_backup(context, arguments.which)
    _confirm(arguments, f"Delete the backup {arguments.which} for good?")
    _answer(call, delete_backup(context, arguments.which), {}, "deleted")


def _export(call: Call, arguments: argparse.Namespace) -> None:
    target = arguments.output or call.folder / archive_name(arguments.which)
    backup = export_backup(call.program.context(), arguments.which, target)
    told = {"output": str(target), "size_bytes": target.stat().st_size}
    _answer(call, backup, told, f"exported to {target}")


def _import(call: Call, arguments: argparse.Namespace) -> None:
    backup = import_backup(
        call.program.context(),
        Path(arguments.which),
        arguments.name,
        _told_passphrase(call, arguments),
    )
    _answer(call, backup, {"path": str(backup.path)}, "imported; nothing is restored yet")


def _verify(call: Call, arguments: argparse.Namespace) -> None:
    context = call.program.context()
    backups = [find_backup(context, arguments.which)] if arguments.which else list_backups(context)
    verified = []
    for backup in backups:
        secret = _passphrase(call, arguments) if backup.manifest.encryption else ""
        verified.append(verify_backup(context, backup.backup_id, secret))
        if not call.output.is_json:
            call.output.say(f"{backup.backup_id} is whole")
    if call.output.is_json:
        found = [backup.body() for backup in verified]
        call.output.answer({"success": True, "backups": found, "total": len(found)})


_ACTIONS: Final[Mapping[str, Callable[[Call, argparse.Namespace], None]]] = {
    "list": _list,
    "create": _create,
    "restore": _restore,
    "delete": _delete,
    "export": _export,
    "import": _import,
    "verify": _verify,
}


def _tell(call: Call, backup: Backup) -> None:
    kept = backup.manifest
    moment = datetime.fromtimestamp(kept.created_at, UTC).strftime("%Y-%m-%d %H:%M")
    packed = [kept.compression] if kept.compression != "none" else []
    packed += ["encrypted"] if kept.encryption else []
    call.output.say(backup.backup_id, Style.BOLD)
    told = ", ".join([f"{backup.size_bytes:,} bytes", *packed])
    call.output.say(f"  {moment} UTC, {told}")
    counted = ", ".join(
        f"{what.replace('_', ' ')} {count:,}" for what, count in kept.counts.items()
    )
    call.output.say(f"  {counted}", Style.DIM)


def _answer(call: Call, backup: Backup, more: Mapping[str, object], done: str) -> None:
    if call.output.is_json:
        body = {"success": True, "backup_id": backup.backup_id, "size_bytes": backup.size_bytes}
        call.output.answer({**body, **more})
    else:
        call.output.say(f"{backup.backup_id}: {done}")


def _confirm(arguments: argparse.Namespace, question: str) -> None:
    """Ask the person at the terminal; without one, --yes must say it.

    Raises:
        InputError: Not confirmed.
    """
    if arguments.yes:
        return
    answer = ""
    if sys.stdin.isatty():
        print(f"{question} Type yes:", file=sys.stderr)
        answer = sys.stdin.readline().strip().lower()
    if answer != "yes":
        raise InputError("nothing was done", why="it was not confirmed", mend="add --yes")


def _new_passphrase(call: Call, arguments: argparse.Namespace) -> str:
    if not (arguments.encrypt or arguments.passphrase_file):
        return ""
    return _passphrase(call, arguments)


def _passphrase(call: Call, arguments: argparse.Namespace) -> str:
    """Return the passphrase: of the file, the environment, or what is typed now.

    Raises:
        InputError: There is none.
    """
    told = _told_passphrase(call, arguments)
    if told:
        return told
    if sys.stdin.isatty():
        return getpass.getpass("Passphrase: ")
    raise InputError(
        "there is no passphrase",
        why="it is not given on the command line, where others would see it",
        mend=f"give --passphrase-file, or set {PASSPHRASE_VARIABLE}",
    )


def _told_passphrase(call: Call, arguments: argparse.Namespace) -> str:
    path: Path | None = arguments.passphrase_file
    if path is None:
        return call.program.environ.get(PASSPHRASE_VARIABLE, "")
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "cannot read the file of the passphrase", why=str(error)[:200], mend="check its path"
        ) from error
