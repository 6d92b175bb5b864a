"""How the gate in front tells a receiver whom to tell how many items a request brought."""

from collections.abc import Callable
from typing import Final, TypeAlias

# Where it stands in the scope of a request.
CHARGE: Final = "flowtrace.charge"
Charge: TypeAlias = Callable[[int], None] | None  # None: nobody counts
