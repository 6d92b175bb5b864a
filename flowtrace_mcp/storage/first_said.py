"""What a roll-up shows of who and where: as the earliest span says that says it at all.

Two columns hold one such thing: ``agent_id`` what it is and ``agent_us`` the start of the span
that said it. Which delivery came first does not matter; of spans that start together, the one
with the smaller id is taken.
"""

from collections.abc import Iterable

from flowtrace_mcp.model.ids import to_signed

Said = tuple[int, int]  # signed id and the start of the span that said it; (0, 0) = nobody did
NOBODY: Said = (0, 0)


def first_said(said: Iterable[Said]) -> Said:
    """Return the earliest of (unsigned or signed id, start in microseconds) with an id."""
    known = [(start_us, to_signed(number)) for number, start_us in said if number]
    if not known:
        return NOBODY
    start_us, number = min(known)
    return number, start_us


def keep_first(*names: str) -> str:
    """Return the part of an upsert's SET clause that keeps the earliest of each name."""
    return ",\n        ".join(_keep(name) for name in names)


def says_first(name: str) -> str:
    """Return the condition of an upsert under which the new row says a name before the old one."""
    return (
        f"excluded.{name}_id <> 0 AND ({name}_id = 0 OR"
        f" (excluded.{name}_us, excluded.{name}_id) < ({name}_us, {name}_id))"
    )


def _keep(name: str) -> str:
    earlier = says_first(name)
    return ",\n        ".join(
        f"{column} = iif({earlier}, excluded.{column}, {column})"
        for column in (f"{name}_id", f"{name}_us")
    )
