"""Many rows or many keys in one statement.

Every step gives up and takes back the interpreter's lock. Under load from another thread each
taking back may wait a whole switch interval, so 64 rows a step are far quicker than one.
"""

from array import array
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

import apsw

ROWS_PER_STEP: Final = 64
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
    for start in range(0, len(rows), ROWS_PER_STEP):
        step = rows[start : start + ROWS_PER_STEP]
        flat = [value for row in step for value in row]
        connection.execute(_values(head, len(step[0]), len(step), tail), flat)


def int_array(numbers: Iterable[int]) -> Any:
    """Return signed 64-bit numbers as one value to bind for ``carray(?)``.

    SQLite takes no empty array, so none at all become one number that is never a key.
    """
    return apsw.carray(array("q", numbers) or array("q", (_NEVER_A_KEY,)))
