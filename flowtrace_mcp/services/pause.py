"""A pause by a clock that somebody may set."""

from dataclasses import dataclass


@dataclass(slots=True)
class Pause:
    """Lasts until a moment; a clock that is set back ends it, so that nothing waits for years."""

    _since_us: int = 0
    _until_us: int = 0

    def begin(self, now_us: int, until_us: int) -> None:
        """Pause from now on until a moment, in microseconds since the epoch."""
        self._since_us, self._until_us = now_us, until_us

    def holds(self, now_us: int) -> bool:
        """Say whether the pause is not over yet."""
        return self._since_us <= now_us < self._until_us
