"""Whether a process that is said to be ours can be: before a token is sent to its port.

`flowtrace hook` loads this, so it imports nothing that takes time.
"""

import os


def may_be_ours(pid: int) -> bool:
    """Say whether a process of that number runs as this user.

    What a listener says of itself stays on disk when it is killed; its port may be another
    user's by then. Windows cannot tell: signal 0 would end the process there.
    """
    if pid <= 0:  # a signal would go to a whole group
        return False
    if os.name == "nt":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
