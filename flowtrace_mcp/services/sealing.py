"""A file packed for keeping: compressed, encrypted with a passphrase, hashed on the way.

Encryption is AES-256-GCM over records of 64 KiB in the STREAM construction (Hoang, Reyhanitabar,
Rogaway, Vizár, 2015): each record's nonce holds its number and whether it is the last, so that
records that are left out, put in another order or cut off do not open. The key is made of the
passphrase by scrypt (RFC 7914).
"""

import hashlib
import importlib
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from flowtrace_mcp.errors import AccessError, DamagedError, InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CHUNK_BYTES: Final = 1024 * 1024
# More in one heap holds up everybody's commits when it goes to the disk at last.
SYNC_BYTES: Final = 2 * CHUNK_BYTES
RECORD_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
PREFIX_BYTES: Final = 7
PASSPHRASE_LEAST_CHARACTERS: Final = 8
# Who made a manifest may not make us work without end.
COST_MOST: Final = 2**20
_MAGIC: Final = b"FLTRSEAL1"
_OPTIONS: Final[dict[int, int]] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.checksum_flag: 1,
}


class KeyMaking(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the key is made of a passphrase: scrypt and its parameters."""

    salt: bytes
    cost: int = 2**17  # 128 MiB and about 0.4 s a guess
    block_size: int = 8
    lanes: int = 1


class Tally:
    """What went through: how many bytes, and their SHA-256."""

    def __init__(self) -> None:
        self.size_bytes = 0
        self._digest = hashlib.sha256()

    def of(self, parts: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the same parts, counted and hashed."""
        for part in parts:
            self.size_bytes += len(part)
            self._digest.update(part)
            yield part

    @property
    def sha256(self) -> str:
        """Return the digest in hex."""
        return self._digest.hexdigest()


def new_key_making() -> KeyMaking:
    """Return parameters with a salt of their own."""
    return KeyMaking(salt=os.urandom(16))


def make_key(passphrase: str, how: KeyMaking) -> bytes:
    """Return the key of a passphrase, 32 bytes.

    Raises:
        InputError: The passphrase is too short, or the parameters are out of bounds.
    """
    if len(passphrase) < PASSPHRASE_LEAST_CHARACTERS:
        raise InputError(
            f"a passphrase of {len(passphrase)} characters is too short",
            why=f"it has at least {PASSPHRASE_LEAST_CHARACTERS}",
            mend="choose a longer one, of several words",
        )
    is_power = how.cost > 1 and how.cost & (how.cost - 1) == 0
    if not (is_power and how.cost <= COST_MOST and 1 <= how.block_size <= 16 and how.lanes == 1):
        raise InputError("cannot make the key", why="its parameters are out of bounds")
    memory_bytes = 256 * how.cost * how.block_size  # twice what scrypt takes
    return hashlib.scrypt(
        passphrase.encode(),
        salt=how.salt,
        n=how.cost,
        r=how.block_size,
        p=how.lanes,
        maxmem=memory_bytes,
        dklen=32,
    )


def read_parts(path: Path) -> Iterator[bytes]:
    """Yield the bytes of a file."""
    with path.open("rb") as file:
        while part := file.read(CHUNK_BYTES):
            yield part


def write_parts(path: Path, parts: Iterable[bytes]) -> None:
    """Write parts to a new file, for nobody else to read, and see it on the disk."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        waiting_bytes = 0
        for part in parts:
            file.write(part)
            waiting_bytes += len(part)
            if waiting_bytes >= SYNC_BYTES:
                _sync(file)
                waiting_bytes = 0
        _sync(file)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def compressed(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield one zstd frame of all parts."""
    compressor = zstd.ZstdCompressor(options=_OPTIONS)
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


def decompressed(parts: Iterable[bytes], limit_bytes: int) -> Iterator[bytes]:
    """Yield what a zstd frame holds, at most ``limit_bytes``.

    Raises:
        DamagedError: It is none, is cut short, or holds more.
    """
    unpacker = zstd.ZstdDecompressor()
    left = limit_bytes
    try:
        for part in parts:
            if unpacker.eof:
                raise _damaged("something follows its end")
            out = unpacker.decompress(part, CHUNK_BYTES)
            while out:
                left -= len(out)
                if left < 0:
                    raise _damaged("it unpacks to more than its manifest says")
                yield out
                out = _more(unpacker)
    except zstd.ZstdError as error:
        raise _damaged("it does not unpack") from error
    _refuse_unended(unpacker)


def encrypted(parts: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Yield parts encrypted, record by record."""
    cipher, prefix = _cipher(key), os.urandom(PREFIX_BYTES)
    head = _MAGIC + prefix
    yield head
    for number, (record, is_last) in enumerate(_records(parts, RECORD_BYTES)):
        yield cipher.encrypt(_nonce(prefix, number, is_last), record, head)


def decrypted(parts: Iterable[bytes], key: bytes) -> Iterator[bytes]:
    """Yield what ``encrypted`` was given.

    Raises:
        AccessError: The passphrase is another, or a byte is.
        DamagedError: It is not encrypted by us.
    """
    head, rest = _head_of(parts)
    cipher, prefix = _cipher(key), head[len(_MAGIC) :]
    for number, (record, is_last) in enumerate(_records(rest, RECORD_BYTES + TAG_BYTES)):
        try:
            yield cipher.decrypt(_nonce(prefix, number, is_last), record, head)
        except _invalid_tag() as error:
            raise AccessError(
                "the backup cannot be decrypted",
                why="the passphrase is another, or the file was changed",
                mend="give the passphrase that it was made with",
            ) from error


def _more(unpacker: zstd.ZstdDecompressor) -> bytes:
    return b"" if unpacker.eof else unpacker.decompress(b"", CHUNK_BYTES)


def _refuse_unended(unpacker: zstd.ZstdDecompressor) -> None:
    if not unpacker.eof or unpacker.unused_data:
        raise _damaged("it does not end where its frame ends")


def _records(parts: Iterable[bytes], size_bytes: int) -> Iterator[tuple[bytes, bool]]:
    """Yield records of one size, the last of which may be shorter, and which one is the last."""
    waiting = bytearray()
    for part in parts:
        waiting += part
        while len(waiting) > size_bytes:  # what is left may be the last, so one byte stays
            yield bytes(waiting[:size_bytes]), False
            del waiting[:size_bytes]
    yield bytes(waiting), True


def _head_of(parts: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """Return what stands before the records, and the parts after it."""
    rest, head, wanted = iter(parts), b"", len(_MAGIC) + PREFIX_BYTES
    while len(head) < wanted and (part := next(rest, b"")):
        head += part
    if len(head) < wanted or not head.startswith(_MAGIC):
        raise _damaged("it is not encrypted by us")
    return head[:wanted], chain([head[wanted:]], rest)


def _nonce(prefix: bytes, number: int, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, is_last)


def _cipher(key: bytes) -> Any:
    # By name and late: it loads OpenSSL, and most processes never encrypt.
    return importlib.import_module("cryptography.hazmat.primitives.ciphers.aead").AESGCM(key)


def _invalid_tag() -> type[Exception]:
    found: type[Exception] = importlib.import_module("cryptography.exceptions").InvalidTag
    return found


def _damaged(why: str) -> DamagedError:
    return DamagedError(
        "the backup cannot be read", why=why, mend="restore another backup, or import it again"
    )
