"""What roll-ups count: one list of columns for sessions, traces and project-hours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final

from flowtrace_mcp.model.usage import TokenUsage


@dataclass(slots=True)
class Measures:
    """Sums over spans; None = no span said anything.

    Not frozen: lists make many, and frozen takes three times as long to build.
    """

    span_count: int = 0
    error_count: int = 0
    model_call_count: int = 0
    tool_call_count: int = 0
    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_usd: float | None = None

    def values(self) -> tuple[Any, ...]:
        """Return the values in the order of ``COLUMNS``."""
        return _values(self)

    @property
    def usage(self) -> TokenUsage:
        """Return the token classes."""
        return TokenUsage(
            input=self.input_tokens,
            cache_read=self.cache_read_tokens,
            cache_write=self.cache_write_tokens,
            output=self.output_tokens,
            reasoning=self.reasoning_tokens,
        )


NAMES: Final = tuple(field.name for field in fields(Measures))
_values: Final = attrgetter(*NAMES)
# SQL fragments, all of them made from the names above and from nothing else.
DEFINITION: Final = """
        span_count INTEGER NOT NULL,
        error_count INTEGER NOT NULL,
        model_call_count INTEGER NOT NULL,
        tool_call_count INTEGER NOT NULL,
        input_tokens INTEGER,
        cache_read_tokens INTEGER,
        cache_write_tokens INTEGER,
        output_tokens INTEGER,
        reasoning_tokens INTEGER,
        cost_usd REAL"""
COLUMNS: Final = ", ".join(NAMES)
ADDED: Final = ", ".join(
    f"{name} = CASE WHEN excluded.{name} IS NULL THEN {name} "
    f"ELSE coalesce({name}, 0) + excluded.{name} END"
    for name in NAMES
)


def measures_from(values: Iterable[Any]) -> Measures:
    """Return the measures whose values stand in the order of ``COLUMNS``."""
    return Measures(*values)


def sum_measures(rows: Sequence[tuple[Any, ...]]) -> Measures:
    """Return the sums of rows of values, none rows being no measures at all; see ``sum_values``."""
    return measures_from(sum_values(rows)) if rows else Measures()


def sum_values(rows: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Return the sums of rows of values in the order of ``COLUMNS``, column by column.

    Unknown plus known is known; a column that nobody knows stays unknown.
    """
    sums = []
    for column in zip(*rows, strict=True):
        known = [value for value in column if value is not None]
        sums.append(sum(known) if known else None)
    return tuple(sums)
