"""Keys for others: each has a role, maybe projects and an end, and is told once.

A secret is 256 random bits, so that one SHA-256 of it is as good as any slow hash: there is nothing
to guess. Only that digest is kept.
"""

import base64
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.model.times import DAY_US
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_projects import named_project
from flowtrace_mcp.storage.api_keys import ApiKey
from flowtrace_mcp.storage.audit import AuditEntry

SECRET_PREFIX: Final = "flk_"  # noqa: S105 - how every key begins, no secret
SECRET_BYTES: Final = 32
NAME_CHARACTERS: Final = 100
DAYS_MOST: Final = 3650
# A key that was revoked opens nothing after this; each request would ask the file otherwise.
REMEMBERED_US: Final = 2_000_000
KEYS_REMEMBERED: Final = 256


class Role(StrEnum):
    """What a key may do; each may what those before it may."""

    READER = "reader"
    WRITER = "writer"
    ADMIN = "admin"

    def covers(self, other: "Role") -> bool:
        """Say whether this role may what the other may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


def create_key(
    context: Context,
    name: str,
    role: str,
    *,
    projects: Sequence[str] = (),
    days: int | None = None,
) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which nobody can tell again.

    Raises:
        InputError: The name, the role or the days are none, or an admin is to be limited.
    """
    if role not in set(Role) or not 1 <= len(name.strip()) <= NAME_CHARACTERS:
        raise InputError(
            "cannot make the key",
            why=f"it has a name of 1 to {NAME_CHARACTERS} characters, and is " + ", ".join(Role),
            mend="give both",
        )
    if days is not None and not 1 <= days <= DAYS_MOST:
        raise InputError(
            f"a key cannot hold for {days} days", why=f"it is 1 to {DAYS_MOST}", mend="give fewer"
        )
    if projects and role == Role.ADMIN:
        raise InputError(
            "an admin is not limited to projects",
            why="backups and erasures are of the whole file",
            mend="make a reader or a writer",
        )
    secret = (
        SECRET_PREFIX
        + base64.urlsafe_b64encode(context.random_bytes(SECRET_BYTES)).rstrip(b"=").decode()
    )
    now_us = context.now_us()
    key = ApiKey(
        key_id=hashlib.sha256(b"id" + secret.encode()).hexdigest()[:10],
        name=name.strip(),
        role=role,
        projects=tuple(named_project(context, one).identity for one in projects),
        created_us=now_us,
        expires_us=None if days is None else now_us + days * DAY_US,
    )
    context.store.access.insert_key(key, digest_of(secret))
    _note_durably(context, f"created {key.key_id} ({role})")
    return key, secret


def revoke_key(context: Context, key_id: str) -> None:
    """Let a key open nothing from now on.

    Raises:
        NotFoundError: No key in force has that id.
    """
    if not context.store.access.revoke_key(key_id, context.now_us()):
        raise NotFoundError(
            f"there is no key {key_id[:40]!r} in force",
            why="it was revoked before, or never made",
            mend="see `flowtrace keys`",
        )
    _note_durably(context, f"revoked {key_id[:40]}")


def note_action(context: Context, action: str, what: str, who: str = "here") -> None:
    """Keep in the audit record what somebody at this machine did; nobody waits for it."""
    entry = AuditEntry(at_us=context.now_us(), who=who, action=action, what=what)
    context.store.access.note(entry)


def _note_durably(context: Context, what: str) -> None:
    entry = AuditEntry(at_us=context.now_us(), who="here", action="key", what=what)
    context.store.access.insert_entries([entry])


def digest_of(secret: str) -> bytes:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


class KeyRing:
    """Finds the key of a secret; remembers the last ones for a moment.

    Args:
        context: The means of the program.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[int, ApiKey]] = OrderedDict()

    def find(self, secret: str) -> ApiKey | None:
        """Return the key in force of a secret, or None."""
        if not secret.startswith(SECRET_PREFIX):
            return None
        digest, now_us = digest_of(secret), self._context.now_us()
        with self._lock:
            until_us, key = self._known.get(digest, (0, None))
        if key is None or now_us >= until_us:
            key = self._context.store.access.find_key(digest)
            if key is None:
                return None
            with self._lock:
                self._known[digest] = (now_us + REMEMBERED_US, key)
                while len(self._known) > KEYS_REMEMBERED:
                    self._known.popitem(last=False)
        is_over = key.expires_us is not None and now_us >= key.expires_us
        return None if is_over or key.revoked_us is not None else key
