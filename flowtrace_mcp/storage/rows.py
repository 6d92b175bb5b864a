"""Many rows or many keys in one statement.

Every step gives up and takes back the interpreter's lock. Under load from another thread each
taking back may wait a whole switch interval, so few large steps are far quicker than many.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final

import apsw

# Few sizes, so that the statements of most steps are prepared already; the rest is one more step.
ROWS_PER_STEP: Final = (512, 256, 128, 64)
# About 8 KB of SQL; apsw keeps no statement above 16 KB.
VALUES_PER_STEP: Final = 4096
_NEVER_A_KEY: Final = -(2**63)


@lru_cache(maxsize=64)
def _values(head: str, columns: int, rows: int, tail: str) -> str:
    row = "(" + ",".join("?" * columns) + ")"
    return f"{head} VALUES {','.join([row] * rows)} {tail}"


def insert_rows(
    connection: apsw.Connection, head: str, rows: Sequence[Sequence[Any]], tail: str = ""
) -> None:
    """Insert rows of equal width.

    Args:
        connection: In a transaction.
        head: ``INSERT INTO table (columns)``, a constant of the caller.
        rows: The values; bound, never formatted in.
        tail: An ``ON CONFLICT`` clause, a constant of the caller.
    """
    start = 0
    while start < len(rows):
        columns = len(rows[start])
        step = rows[start : start + _step_size(len(rows) - start, columns)]
        flat = list(chain.from_iterable(step))
        connection.execute(_values(head, columns, len(step), tail), flat)
        start += len(step)


def _step_size(left: int, columns: int) -> int:
    sizes = (size for size in ROWS_PER_STEP if size <= left and size * columns <= VALUES_PER_STEP)
    return next(sizes, min(left, ROWS_PER_STEP[-1]))


def int_array(numbers: Iterable[int]) -> Any:
    """Return signed 64-bit numbers as one value to bind for ``carray(?)``.

    SQLite takes no empty array, so none at all become one number that is never a key.
    """
    return apsw.carray(array("q", numbers) or array("q", (_NEVER_A_KEY,)))
