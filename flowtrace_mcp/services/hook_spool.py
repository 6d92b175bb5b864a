"""Events that hooks kept in a file because nobody took them: read back and stored."""

import binascii
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from flowtrace_mcp.ingest.hook_reading import PARSERS
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.spool_state import SPOOL_FILE, TAKING_FILE
from flowtrace_mcp.services.take_hooks import HookDelivery, HookDesk

BATCH_EVENTS: Final = 200
BATCH_BYTES: Final = 8 * 1024 * 1024
_FORM: Final = b"1"

_log: Final = logging.getLogger(__name__)


class HookSpool:
    """The spool of a data folder.

    The file is renamed before it is read: hooks go on writing to a new one. It is removed once
    all of it is on disk; what is there already is not doubled, so that a take-up that was cut
    short begins again.
    """

    def __init__(self, context: Context, desk: HookDesk | None = None) -> None:
        self._desk = desk or HookDesk(context)
        self._spool = context.settings.home / SPOOL_FILE
        self._taking = context.settings.home / TAKING_FILE

    def run_once(self) -> int:
        """Store what waits; return how many events that were.

        Raises:
            FlowtraceError: The database does not take them now; they stay for the next time.
        """
        count = self._take_up()
        if self._taking.exists():  # it is not through; a rename would put another in its place
            return count
        try:
            self._spool.rename(self._taking)
        except OSError:  # there is none, or on Windows a hook has it open
            return count
        return count + self._take_up()

    def _take_up(self) -> int:
        """Store what the renamed file holds, and remove it when all of it is on disk."""
        count = 0
        try:
            with self._taking.open("rb") as lines:
                for batch in _batches(lines):
                    if not self._desk.take_late(batch):
                        return count
                    count += len(batch)
                held = os.fstat(lines.fileno())
        except FileNotFoundError:
            return 0
        with suppress(FileNotFoundError):
            # Another process may have taken this one up, and the next one too.
            if os.path.samestat(held, self._taking.stat()):
                self._taking.unlink()
        return count


def _batches(lines: Iterable[bytes]) -> Iterator[Sequence[HookDelivery]]:
    batch: list[HookDelivery] = []
    size_bytes = 0
    for line in lines:
        if not line.strip():
            continue
        delivery = delivery_in(line)
        if delivery is None:
            _log.warning("a damaged line of the hooks' spool was left out")
            continue
        batch.append(delivery)
        size_bytes += len(line)
        if len(batch) >= BATCH_EVENTS or size_bytes >= BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def delivery_in(line: bytes) -> HookDelivery | None:
    """Return what a line of the spool holds; None for one that is torn or of another form."""
    parts = line.split()
    if len(parts) != 6 or parts[0] != _FORM:
        return None
    try:
        folder, project, body = (_decoded(part) for part in parts[3:])
        agent = parts[2].decode("ascii")
        time_us = int(parts[1])
    except (binascii.Error, ValueError):
        return None
    if agent not in PARSERS:
        return None
    return HookDelivery(
        agent=agent,
        body=body,
        time_us=time_us,
        folder=folder.decode("utf-8", "surrogateescape"),
        project=project.decode("utf-8", "replace"),
    )


def _decoded(part: bytes) -> bytes:
    return b"" if part == b"-" else binascii.a2b_base64(part, strict_mode=True)
