"""Hours of use counted again: in the background where they are stale, or all of them to prove."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.pause import Pause

# Counting keeps a processor busy, so what it took is left to others many times.
REST_FACTOR: Final = 20
RUN_LIMIT_US: Final = 25_000
PAGE_HOURS: Final = 500


class StaleHours:
    """Counts stale hours again, a few at a time, so that others can write in between."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rest = Pause()

    def run_once(self) -> int:
        """Count what is stale, the newest hour first; return how many hours were counted."""
        began_us = now_us = self._context.now_us()
        count = 0
        for hour_us in self._context.store.uses.list_stale(PAGE_HOURS):
            if self._rest.holds(now_us) or now_us - began_us > RUN_LIMIT_US:
                break
            before_us = self._context.now_us()
            self._context.store.uses.recount(hour_us)
            now_us = self._context.now_us()
            if now_us - before_us > RUN_LIMIT_US:
                self._rest.begin(now_us, now_us + REST_FACTOR * (now_us - before_us))
            count += 1
        return count


def recount_stale(context: Context) -> None:
    """Count all stale hours again now; they are as many as those in which something changed."""
    while hours := context.store.uses.list_stale(PAGE_HOURS):
        for hour_us in hours:
            context.store.uses.recount(hour_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Hours that were held against their spans, and those that said something else."""

    hour_count: int
    row_count: int
    stale_count: int  # they were known to be so
    wrong_hours_us: tuple[int, ...]


def prove_hours(
    context: Context, *, mend: bool, tell: Callable[[int], None] = lambda _: None
) -> Proof:
    """Hold every hour against its spans; count those again that say something else.

    Args:
        context: The means of the program.
        mend: Whether to count again, or only to say.
        tell: Told how many hours are done.
    """
    stale = context.store.uses.list_stale(1_000_000)
    hours = sorted({*stale, *_hours(context)})
    row_count, wrong = 0, []
    for done, hour_us in enumerate(hours, 1):
        check = context.store.uses.check(hour_us)
        row_count += check.row_count
        if not check.is_equal and hour_us not in stale:
            wrong.append(hour_us)
        if mend and (not check.is_equal or hour_us in stale):
            context.store.uses.recount(hour_us)
        tell(done)
    return Proof(
        hour_count=len(hours),
        row_count=row_count,
        stale_count=len(stale),
        wrong_hours_us=tuple(wrong),
    )


def _hours(context: Context) -> Iterator[int]:
    after_us = -1
    while page := context.store.uses.list_hours(after_us, PAGE_HOURS):
        yield from page
        after_us = page[-1]
