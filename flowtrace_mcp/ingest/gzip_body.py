"""A gzip body unpacked no further than its limit."""

import zlib
from collections.abc import Callable
from typing import Final

from flowtrace_mcp.errors import InputError, TooLargeError

_GZIP_ONLY: Final = 16 + zlib.MAX_WBITS
_STEP_BYTES: Final = 1024 * 1024


def too_large(limit_bytes: int) -> TooLargeError:
    """Return the error for a body over its limit."""
    return TooLargeError(
        "the body is too large",
        why=f"at most {limit_bytes} bytes are taken after decompression",
        mend="send smaller batches, or raise FLOWTRACE_MAX_BODY_BYTES",
    )


def gunzip(body: bytes | bytearray, limit_bytes: int, take: Callable[[int], None]) -> bytearray:
    """Return what a gzip body of one or more members holds.

    Args:
        body: The compressed bytes; none at all hold nothing.
        limit_bytes: Unpacking stops as soon as there are more.
        take: Called with the size of each part; it may raise to end the work.

    Raises:
        InputError: The body is not gzip, or it is cut short.
        TooLargeError: It holds more than the limit.
    """
    unpacked = bytearray()
    rest: bytes | bytearray = body
    while rest:
        unpacker = zlib.decompressobj(_GZIP_ONLY)
        while not unpacker.eof:
            # One byte more than fits tells a full body from one that is too large.
            part = _step(unpacker, rest, min(_STEP_BYTES, limit_bytes - len(unpacked) + 1))
            if len(unpacked) + len(part) > limit_bytes:
                raise too_large(limit_bytes)
            take(len(part))
            unpacked += part
            if not part and not unpacker.eof:
                raise _broken("it ends too early")
            rest = unpacker.unconsumed_tail
        # Writers to tape pad with zeros, and so do some proxies.
        rest = unpacker.unused_data.lstrip(b"\0")
    return unpacked


def _step(unpacker: "zlib._Decompress", rest: bytes | bytearray, limit_bytes: int) -> bytes:
    try:
        return unpacker.decompress(rest, limit_bytes)
    except zlib.error as error:
        raise _broken("its bytes are not gzip") from error


def _broken(why: str) -> InputError:
    return InputError(
        "cannot unpack the gzip body", why=why, mend="check the exporter's compression setting"
    )
