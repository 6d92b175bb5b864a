"""Answers that were given lately, to be given again while nothing has changed."""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

LARGEST_SHARE: Final = 8  # an answer that takes more than this part of all room is not kept


class RecentAnswers:
    """Encoded answers by what they were made from; the one not asked for longest goes first.

    A key holds a digest of all that the answer is made of, so none is ever out of date.

    Args:
        limit_bytes: How much all answers may take together.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._size_bytes = 0
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> bytes | None:
        """Return the answer that was made from this, or None."""
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def keep(self, key: Hashable, answer: bytes) -> None:
        """Keep an answer, and let go of others until there is room."""
        if len(answer) > self._limit_bytes // LARGEST_SHARE:
            return
        with self._lock:
            self._size_bytes += len(answer) - len(self._answers.pop(key, b""))
            self._answers[key] = answer
            while self._size_bytes > self._limit_bytes:
                _, dropped = self._answers.popitem(last=False)
                self._size_bytes -= len(dropped)
