"""Fingerprints of errors: the same for messages that differ in nothing but their particulars."""

import re
from hashlib import blake2b
from typing import Final

_READ_CHARACTERS: Final = 2_000
_DIGEST_BYTES: Final = 4
_TRACEBACK: Final = "Traceback (most recent call last)"
# From the most particular to the least: what an earlier one took, a later one does not see.
_PARTICULARS: Final = (
    (re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?[\d.,]*(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b(?:https?|wss?|file)://[^\s'\"<>]+"), "<url>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+)+[\\/](?=[\w.@+-])"), ""),  # keep the file name
    (re.compile(r"\b0x[0-9a-f]+\b", re.IGNORECASE), "<n>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,}\b", re.IGNORECASE), "<hex>"),
    (re.compile(r"\d+(?:\.\d+)*"), "<n>"),
)


def general_form(message: str) -> str:
    """Return an error message without numbers, ids, times, addresses and folders.

    Of a Python traceback only its last line is kept, which names the exception.
    """
    text = message[:_READ_CHARACTERS].strip()
    if text.startswith(_TRACEBACK):
        text = message.strip().rsplit("\n", 1)[-1][:_READ_CHARACTERS]
    for pattern, general in _PARTICULARS:
        text = pattern.sub(general, text)
    return " ".join(text.split())


def fingerprint(name: str, error_type: str, message: str) -> str:
    """Return 8 hex digits that errors of one kind share.

    Args:
        name: What failed: a tool, a model, a span's name.
        error_type: ``error.type``, "" when unknown.
        message: What it said.

    Formula:
        BLAKE2b with a digest of 4 bytes over name, type and general form, U+001F between them.
    """
    told = "\x1f".join((name, error_type, general_form(message)))
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=_DIGEST_BYTES).hexdigest()
