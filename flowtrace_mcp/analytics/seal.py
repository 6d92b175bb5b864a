"""The frame of a stored sketch: a version in front, a checksum behind."""

import zlib
from typing import Final

from flowtrace_mcp.errors import DamagedError

_VERSION_BYTES: Final = 1
_CHECKSUM_BYTES: Final = 4


def seal(version: int, body: bytes) -> bytes:
    """Return the version byte, the body and the CRC-32 of both, little-endian."""
    framed = version.to_bytes(_VERSION_BYTES, "little") + body
    return framed + zlib.crc32(framed).to_bytes(_CHECKSUM_BYTES, "little")


def unseal(blob: bytes, version: int, *, name: str) -> bytes:
    """Return the body of a sealed blob.

    Args:
        blob: What ``seal`` returned.
        version: The one version that the caller reads.
        name: What to call the blob in an error.

    Raises:
        DamagedError: Too short, another checksum or another version.
    """
    framed, checksum = blob[:-_CHECKSUM_BYTES], blob[-_CHECKSUM_BYTES:]
    if not framed or zlib.crc32(framed).to_bytes(_CHECKSUM_BYTES, "little") != checksum:
        raise damaged(name, f"its checksum does not match its {len(blob)} bytes")
    if framed[0] != version:
        raise damaged(name, f"it has version {framed[0]}, and this program reads {version}")
    return framed[_VERSION_BYTES:]


def damaged(name: str, why: str) -> DamagedError:
    """Return the error for a stored sketch that cannot be read."""
    return DamagedError(
        f"cannot read a stored {name}", why=why, mend="run `flowtrace doctor` on the file"
    )
