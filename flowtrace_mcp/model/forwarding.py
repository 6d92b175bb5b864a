"""Where forwarding to another endpoint has come to."""

from enum import IntEnum
from typing import Final

import msgspec

# Below every number of 64 bits, so that a page begins with its first item.
BEFORE_ALL: Final = -(2**63)


class Signal(IntEnum):
    """What is forwarded; stored, never renumbered."""

    SPANS = 0
    LOGS = 1
    POINTS = 2


class Forwarding(msgspec.Struct, frozen=True, kw_only=True):
    """The bookmark of one endpoint.

    What the file held when forwarding began is gone through by time, one signal after the other;
    then what has arrived since, in the order of its arrival.
    """

    endpoint: str
    since_us: int  # what is older stays here
    stage: int = Signal.SPANS  # the signal that is gone through; above the last: arrivals
    after: tuple[int, int] = (BEFORE_ALL, BEFORE_ALL)  # the last item of the stage that was sent
    first_arrival_id: int = 0  # the last arrival before forwarding began
    arrival_id: int = 0  # the last arrival that was sent
    sent_count: int = 0

    @property
    def is_following(self) -> bool:
        """Say whether all that was there in the beginning has been sent."""
        return self.stage > Signal.POINTS
