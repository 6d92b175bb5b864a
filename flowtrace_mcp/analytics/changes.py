"""Where something that stays the same for long last became something else."""

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

T = TypeVar("T", bound=Hashable)

# From the change on nearly all must be the new, so that trying something out is no change.
SHARE_LEAST: Final = 0.8


def last_change(values: Sequence[T]) -> tuple[T, int] | None:
    """Return what was most common before the last change, and where the new began.

    Args:
        values: In the order of time.

    Returns:
        None where there is no value but the last one before it began, or where it did not come
        to stay: less than ``SHARE_LEAST`` of all from then on.
    """
    if not values:
        return None
    new = values[-1]
    began = values.index(new)
    after = values[began:]
    if began == 0 or after.count(new) < SHARE_LEAST * len(after):
        return None
    ((old, _),) = Counter(values[:began]).most_common(1)
    return old, began
