"""Every error that Flowtrace raises on purpose, and how each one reads at the edges.

FlowtraceError
├── InputError            what was asked cannot be understood
│   ├── NotFoundError     it was understood, and nothing is there
│   └── ConflictError     something of that name is there already
├── SettingsError         a setting or the settings file is wrong
├── AccessError           no token, a wrong token, a foreign host or user
│   └── ForbiddenError    the key is good, and may not do this
├── TooLargeError         a body or a value is over its limit
├── BusyError             try again: a queue is full or the file is locked
│   └── RateError         try again later: more was sent than is agreed
├── StorageError          the database file cannot be used
│   ├── NewerFileError    a newer Flowtrace wrote it
│   ├── ReadOnlyError     the file, its folder or the disk does not take writes
│   └── DamagedError      what was read is not what was written
└── EmbeddingError        the embedding model cannot be loaded or run

An error tells *what* went wrong and with which value, *why* that is wrong, and how to *mend* it;
its code stays the same and has a heading in ``docs/errors.md``. Messages hold no secrets, prompt
text, paths of other people or tracebacks.
"""

from typing import ClassVar, Final


class FlowtraceError(Exception):
    """Base of the tree.

    Args:
        what: What failed, with the value at fault.
        why: The rule that was broken.
        mend: One thing to do now.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, what: str, *, why: str = "", mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.mend = mend

    @property
    def fault(self) -> str:
        """What failed and why, for whoever shows the mend beside it."""
        return f"{self.what}: {self.why}" if self.why else self.what

    def __str__(self) -> str:
        """Return what, why and mend as one line for a person or a model."""
        mend = f" {self.mend[:1].upper()}{self.mend[1:]}." if self.mend else ""
        return f"{self.fault}.{mend}"


class InputError(FlowtraceError):
    """What was asked cannot be understood."""

    code = "bad_input"


class NotFoundError(InputError):
    """The question was understood, and nothing is there."""

    code = "not_found"


class ConflictError(InputError):
    """Something of that name is there already."""

    code = "conflict"


class SettingsError(FlowtraceError):
    """A setting or the settings file is wrong."""

    code = "bad_settings"


class AccessError(FlowtraceError):
    """The caller may not do this: no token, a wrong token, a foreign host or user."""

    code = "no_access"


class ForbiddenError(AccessError):
    """The key is good, and may not do this."""

    code = "forbidden"


class TooLargeError(FlowtraceError):
    """A body or a value is over its limit."""

    code = "too_large"


class BusyError(FlowtraceError):
    """A queue is full or the file is locked; the same call may pass later."""

    code = "busy"
    retry_after_s: int = 1


class RateError(BusyError):
    """A source has sent more than it may; it may again later."""

    code = "rate"

    def __init__(self, what: str, *, why: str = "", mend: str = "", retry_after_s: int = 1) -> None:
        super().__init__(what, why=why, mend=mend)
        self.retry_after_s = retry_after_s


class StorageError(FlowtraceError):
    """The database file cannot be used."""

    code = "storage"


class NewerFileError(StorageError):
    """A newer Flowtrace wrote the database file; this one only reads it."""

    code = "newer_file"


class ReadOnlyError(StorageError):
    """The file, its folder or the disk does not take writes."""

    code = "read_only"


class DamagedError(StorageError):
    """What was read is not what was written."""

    code = "damaged"


class EmbeddingError(FlowtraceError):
    """The embedding model cannot be loaded or run."""

    code = "embedding"


# The one table from class to the outside: HTTP status, gRPC status code, exit code of the CLI.
# MCP needs no column: every FlowtraceError becomes a tool error that the model reads.
OUTSIDE: Final[dict[type[FlowtraceError], tuple[int, int, int]]] = {
    NotFoundError: (404, 5, 4),
    ConflictError: (409, 6, 2),
    InputError: (400, 3, 2),
    SettingsError: (500, 9, 3),
    ForbiddenError: (403, 7, 5),
    AccessError: (401, 16, 5),
    TooLargeError: (413, 8, 2),
    RateError: (429, 8, 6),
    BusyError: (503, 14, 6),
    ReadOnlyError: (507, 9, 7),
    NewerFileError: (503, 9, 7),
    DamagedError: (500, 15, 7),
    StorageError: (500, 13, 7),
    EmbeddingError: (503, 14, 8),
    FlowtraceError: (500, 13, 1),
}


def outside(error: FlowtraceError) -> tuple[int, int, int]:
    """Return the HTTP status, the gRPC status code and the exit code of an error."""
    return next(OUTSIDE[cls] for cls in type(error).__mro__ if cls in OUTSIDE)
