"""How long what agents did is kept: by age, by size, by sensitivity, and by what a span itself says.

Memories are not touched by any of it. Rows go in batches whose size follows how long the last one
took, so that nobody waits for the file longer than for any other commit.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from flowtrace_mcp.model.times import DAY_US, HOUR_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.storage.retention_rules import ALL_PROJECTS, RetentionRule

# So long a batch holds the write lock; that leaves room below the 50 ms that are promised.
BATCH_AIM_S: Final = 0.012
BATCH_LEAST: Final = 4
BATCH_MOST: Final = 512
SHRINK_PAGES: Final = 64
# A file is shrunk once so much of it is empty.
FREE_SHARE: Final = 0.05
FREE_LEAST_BYTES: Final = 1024 * 1024
_OVER_AND_OVER: Final = 1_000_000  # batches of one run; nobody has so many

Note = Callable[[str, int], None]  # what, how many in all until now


@dataclass(slots=True, kw_only=True)
class Kept:
    """What one run did."""

    spans: int = 0
    records: int = 0
    outlived: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    longest_batch_s: float = 0.0

    def body(self) -> dict[str, object]:
        """Return the answer of REST and of the command."""
        return {
            "deleted_spans": self.spans + self.outlived,
            "deleted_records": self.records,
            "outlived_spans": self.outlived,
            "bytes_before": self.bytes_before,
            "bytes_after": self.bytes_after,
            "longest_batch_ms": round(self.longest_batch_s * 1000, 1),
        }


@dataclass(slots=True, kw_only=True)
class Enforcement:
    """One run of all rules.

    Attributes:
        context: The means of the program.
        note: Is told how far it is.
        stop: Says whether to end early; the next run goes on.
    """

    context: Context
    note: Note = lambda _what, _count: None
    stop: Callable[[], bool] = lambda: False
    done: Kept = field(default_factory=Kept)
    _limit: int = 64

    def run(self) -> Kept:
        """Remove what the rules let go, and shrink the file."""
        store = self.context.store.retention
        self.done.bytes_before = store.used_bytes()
        self._outlived()
        rules = effective_rules(self.context)
        for project_id in self._projects():
            for rule in rules_of(rules, project_id):
                self._keep(project_id, rule)
        self._keep_file()
        self._shrink()
        self.done.bytes_after = store.used_bytes()
        return self.done

    def _projects(self) -> list[int]:
        return [0, *(one.project_id for one in self.context.store.list_projects())]

    def _keep(self, project_id: int, rule: RetentionRule) -> None:
        cutoff_us = 0
        if rule.keep_days is not None:
            cutoff_us = self.context.now_us() - rule.keep_days * DAY_US
        if rule.keep_bytes is not None:
            store = self.context.store.retention
            cutoff_us = max(cutoff_us, store.cutoff_for_bytes(project_id, rule.keep_bytes))
        if cutoff_us > 0:
            self._delete_before(project_id, cutoff_us // HOUR_US * HOUR_US, rule.sensitivity)

    def _delete_before(self, project_id: int, before_us: int, sensitivity: int) -> None:
        store = self.context.store.retention
        self.done.spans += self._in_batches(
            "spans",
            lambda limit: store.delete_old_spans(
                project_id, before_us, limit, sensitivity=sensitivity
            ),
        )
        if not sensitivity:
            self.done.records += self._in_batches(
                "records", lambda limit: store.delete_old_records(project_id, before_us, limit)
            )

    def _keep_file(self) -> None:
        """Let the oldest hour of all projects go until the file fits."""
        most, store = self.context.settings.retention_bytes, self.context.store.retention
        while most and store.used_bytes() > most and not self.stop():
            oldest_us = store.oldest_us()
            if oldest_us is None:
                return
            for project_id in self._projects():
                self._delete_before(project_id, (oldest_us // HOUR_US + 1) * HOUR_US, 0)

    def _outlived(self) -> None:
        after, store = -1, self.context.store.retention
        for _ in range(_OVER_AND_OVER):
            after, count = store.delete_outlived_spans(self.context.now_us(), after, self._limit)
            self._adapt(store.held_s)
            self.done.outlived += count
            if after < 0 or self.stop():
                return

    def _in_batches(self, what: str, delete: Callable[[int], int]) -> int:
        total = 0
        for _ in range(_OVER_AND_OVER):
            limit = self._limit
            count = delete(limit)
            self._adapt(self.context.store.retention.held_s)
            total += count
            if count:
                self.note(what, total)
            if count < limit or self.stop():
                break
        return total

    def _adapt(self, took_s: float) -> None:
        self.done.longest_batch_s = max(self.done.longest_batch_s, took_s)
        wanted = self._limit // 2 if took_s > BATCH_AIM_S else self._limit * 2
        if took_s > BATCH_AIM_S or took_s < BATCH_AIM_S / 3:
            self._limit = min(max(wanted, BATCH_LEAST), BATCH_MOST)

    def _shrink(self) -> None:
        store = self.context.store.retention
        free_bytes = store.free_bytes()
        if free_bytes < max(FREE_LEAST_BYTES, FREE_SHARE * store.used_bytes()):
            return
        while store.free_bytes() and not self.stop():
            store.shrink(SHRINK_PAGES)
        self.context.store.scrub_log()  # only then is the file itself shorter


def effective_rules(context: Context) -> list[RetentionRule]:
    """Return the rules of the file, and that of the settings where the file has none for all."""
    rules = context.store.retention.list_rules()
    days = context.settings.retention_days
    is_told = any(rule.project_id == ALL_PROJECTS and not rule.sensitivity for rule in rules)
    if days and not is_told:
        rules.append(RetentionRule(keep_days=days))
    return rules


def rules_of(rules: list[RetentionRule], project_id: int) -> list[RetentionRule]:
    """Return the rules that hold for a project: its own, and for all where it has none."""
    own = [rule for rule in rules if rule.project_id == project_id]
    told = {rule.sensitivity for rule in own}
    return own + [
        rule for rule in rules if rule.project_id == ALL_PROJECTS and rule.sensitivity not in told
    ]
