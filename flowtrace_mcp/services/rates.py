"""How much a key or a foreign sender may send: a bucket each, that fills as time goes by."""

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

SPANS_A_MINUTE: Final = 10_000
BURST_SPANS: Final = 50_000
SOURCES_REMEMBERED: Final = 4096


class RateLimiter:
    """Token buckets by source, the one not seen for longest going first.

    What a request holds is known only when it has been read, so a bucket may fall below zero by one
    request; nothing more is taken until it is above again.

    Args:
        a_minute: What flows in.
        burst: What a bucket holds.
        now_s: Seconds of a clock that never goes back.
    """

    def __init__(
        self,
        a_minute: int = SPANS_A_MINUTE,
        burst: int = BURST_SPANS,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._a_second = a_minute / 60
        self._burst = burst
        self._now_s = now_s
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # level, when

    def wait_s(self, source: str) -> int:
        """Return after how many whole seconds a source may send again; 0 = now."""
        with self._lock:
            level = self._level(source)
        return 0 if level > 0 else max(math.ceil((1 - level) / self._a_second), 1)

    def charge(self, source: str, count: int) -> None:
        """Take what a source has sent out of its bucket."""
        with self._lock:
            self._buckets[source] = (self._level(source) - count, self._now_s())
            self._buckets.move_to_end(source)
            while len(self._buckets) > SOURCES_REMEMBERED:
                self._buckets.popitem(last=False)

    def _level(self, source: str) -> float:
        level, at_s = self._buckets.get(source, (float(self._burst), 0.0))
        return min(level + (self._now_s() - at_s) * self._a_second, float(self._burst))
