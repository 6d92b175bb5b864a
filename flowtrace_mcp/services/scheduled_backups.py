"""Backups by the clock, where a setting asks for them; the newest few are kept."""

import logging
import threading
from pathlib import Path
from typing import Final

from flowtrace_mcp.errors import FlowtraceError, InputError
from flowtrace_mcp.model.times import HOUR_US
from flowtrace_mcp.services.backups import (
    SCHEDULED_PREFIX,
    BackupRequest,
    create_backup,
    free_id,
    keep_newest,
    list_backups,
)
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.pause import Pause

# A backup that failed is tried anew: a full disk is mended by somebody.
AFTER_FAILURE_US: Final = HOUR_US // 4

_log: Final = logging.getLogger(__name__)


class ScheduledBackups:
    """Makes the backup that is due, on a thread of its own.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._thread: threading.Thread | None = None
        self._pause = Pause()
        self.problem = ""  # why the last one failed, for `status`

    def run_once(self) -> None:
        """Start what is due; returns at once."""
        hours = self._context.settings.backup_hours
        is_busy = self._thread is not None and self._thread.is_alive()
        if not hours or is_busy or self._pause.holds(self._context.now_us()):
            return
        self._thread = threading.Thread(target=self._run, name="flowtrace-backup", daemon=True)
        self._thread.start()

    def join(self, limit_s: float) -> None:
        """Wait for a backup under way."""
        if self._thread is not None:
            self._thread.join(limit_s)

    def _run(self) -> None:
        try:
            until_us = back_up_if_due(self._context)
            self._pause.begin(self._context.now_us(), until_us)
            self.problem = ""
        except FlowtraceError as error:
            self._fail(str(error))
            _log.warning("the scheduled backup failed: %s", error)
        except Exception:  # noqa: BLE001 - the outer edge of the thread: the next one is made
            self._fail("see the log file")
            _log.exception("the scheduled backup failed")

    def _fail(self, why: str) -> None:
        self.problem = f"the scheduled backup failed: {why}"
        now_us = self._context.now_us()
        self._pause.begin(now_us, now_us + AFTER_FAILURE_US)


def back_up_if_due(context: Context) -> int:
    """Make a backup when the newest by the clock is old enough, and remove those beyond the limit.

    Returns:
        When the next one is due, in microseconds since the epoch.

    Raises:
        DamagedError: The file does not hold together; older backups are all kept.
    """
    settings = context.settings
    period_us = settings.backup_hours * HOUR_US
    made = [one for one in list_backups(context) if one.backup_id.startswith(SCHEDULED_PREFIX)]
    now_us = context.now_us()
    newest_us = made[0].manifest.created_at * 1_000_000 if made else 0
    # One from the future was made before the clock was set back: it does not count as new.
    if newest_us + period_us > now_us >= newest_us:
        return newest_us + period_us
    request = BackupRequest(
        name=free_id(context, SCHEDULED_PREFIX),
        is_compressed=settings.backup_compress,
        passphrase=_passphrase(settings.backup_passphrase_file),
    )
    create_backup(context, request)
    keep_newest(context, settings.backup_keep)
    return now_us + period_us


def _passphrase(path: Path | None) -> str:
    if path is None:
        return ""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "cannot read the file of the passphrase",
            why=type(error).__name__,
            mend="check backup_passphrase_file",
        ) from error
