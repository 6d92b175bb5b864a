"""zstd with the dictionary that ships with the package; safe to call from any thread.

The dictionary was trained by ``scripts/train_dictionary.py`` on recorded exports that hold no
user's data: a dictionary keeps parts of its samples verbatim.
"""

import sys
import threading
from importlib.resources import files
from typing import Final

from flowtrace_mcp.errors import DamagedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# The checksum costs four bytes; without it a flipped bit may unpack to something else.
OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: 1,
    zstd.CompressionParameter.checksum_flag: 1,
}
# A frame names the size it unpacks to; nothing we stored is larger than a request may be.
UNPACKED_LIMIT_BYTES: Final = 256 * 1024 * 1024

_DICTIONARY: Final = zstd.ZstdDict(
    files("flowtrace_mcp.storage").joinpath("payload.dict").read_bytes()
)
_PER_THREAD: Final = threading.local()


def compress(data: bytes) -> bytes:
    """Return one zstd frame. The context is kept per thread: a new one costs 4 us."""
    try:
        compressor = _PER_THREAD.compressor
    except AttributeError:
        compressor = zstd.ZstdCompressor(options=OPTIONS, zstd_dict=_DICTIONARY.as_digested_dict)
        _PER_THREAD.compressor = compressor
    packed: bytes = compressor.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
    return packed


def decompress(frame: bytes) -> bytes:
    """Return what a frame holds.

    Raises:
        DamagedError: Not a frame of ours.
    """
    try:
        # The stubs say int; a frame without a size gives None.
        size_bytes: int | None = zstd.get_frame_info(frame).decompressed_size
        if size_bytes is None or size_bytes > UNPACKED_LIMIT_BYTES:
            raise _damaged()
        # One frame, in one step: `zstd.decompress` also looks for further ones, at 10 us of 34.
        decompressor = zstd.ZstdDecompressor(zstd_dict=_DICTIONARY)
        unpacked: bytes = decompressor.decompress(frame)
    except zstd.ZstdError as error:
        raise _damaged() from error
    if not decompressor.eof or decompressor.unused_data:
        raise _damaged()
    return unpacked


def _damaged() -> DamagedError:
    return DamagedError(
        "a stored payload cannot be unpacked",
        why="its bytes are not what was written",
        mend="run `flowtrace doctor` on the file",
    )
