"""Numbers that a caller may choose, and how far."""

from flowtrace_mcp.errors import InputError


def refuse_outside(*chosen: tuple[str, int, int, int]) -> None:
    """Refuse what lies outside of its bounds.

    Args:
        chosen: (name, value, least, most) of each number.

    Raises:
        InputError: One of them does.
    """
    for name, value, least, most in chosen:
        if not least <= value <= most:
            raise InputError(
                f"{name} cannot be {value}",
                why=f"it goes from {least} to {most}",
                mend="ask within that range",
            )
