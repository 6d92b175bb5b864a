"""Files packed for keeping: what went in comes out, and nothing else passes for it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowtrace_mcp.errors import AccessError, DamagedError, InputError
from flowtrace_mcp.services import sealing
from flowtrace_mcp.services.sealing import (
    RECORD_BYTES,
    KeyMaking,
    compressed,
    decompressed,
    decrypted,
    encrypted,
    make_key,
)

KEY = bytes(range(32))
SIZES = st.sampled_from([0, 1, RECORD_BYTES - 1, RECORD_BYTES, RECORD_BYTES + 1, 3 * RECORD_BYTES])


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(SIZES, st.integers(1000, 200_000), st.integers(1000, 200_000))
def test_what_was_encrypted_is_decrypted_however_it_is_cut(size: int, one: int, other: int) -> None:
    plain = bytes(size)

    sealed = b"".join(encrypted(cut(plain, one), KEY))

    assert b"".join(decrypted(cut(sealed, other), KEY)) == plain


@pytest.mark.parametrize("size", [0, 1, 70_000, 2_500_000])
def test_what_was_compressed_is_unpacked(size: int) -> None:
    plain = bytes(size)

    packed = b"".join(compressed(cut(plain, 10_000)))

    assert b"".join(decompressed(cut(packed, 777), size)) == plain


def changed(sealed: bytes, how: str) -> bytes:
    head, record = 16, RECORD_BYTES + sealing.TAG_BYTES
    records = [sealed[at : at + record] for at in range(head, len(sealed), record)]
    match how:
        case "a flipped bit":
            return sealed[:1000] + bytes([sealed[1000] ^ 1]) + sealed[1001:]
        case "the last record left out":
            return sealed[:head] + b"".join(records[:-1])
        case "two records swapped":
            return sealed[:head] + records[1] + records[0] + b"".join(records[2:])
        case "another head":
            return b"FLTRSEAL1" + bytes(7) + sealed[head:]
        case _:
            return sealed[:-1]


@pytest.mark.parametrize(
    "how",
    ["a flipped bit", "the last record left out", "two records swapped", "another head", "cut"],
)
def test_a_changed_file_does_not_open(how: str) -> None:
    sealed = changed(b"".join(encrypted([bytes(3 * RECORD_BYTES)], KEY)), how)

    with pytest.raises(AccessError):
        b"".join(decrypted([sealed], KEY))


def test_another_key_does_not_open_it() -> None:
    sealed = b"".join(encrypted([b"secret"], KEY))

    with pytest.raises(AccessError):
        b"".join(decrypted([sealed], bytes(32)))


@pytest.mark.parametrize("sealed", [b"", b"FLTR", b"PK\x03\x04" + bytes(100)])
def test_what_we_did_not_encrypt_is_refused(sealed: bytes) -> None:
    with pytest.raises(DamagedError):
        b"".join(decrypted([sealed], KEY))


def test_a_bomb_is_unpacked_no_further_than_its_manifest_says() -> None:
    bomb = b"".join(compressed([bytes(50_000_000)]))
    taken: list[int] = []

    with pytest.raises(DamagedError):
        taken.extend(len(part) for part in decompressed([bomb], 3_000_000))

    assert len(bomb) < 10_000
    assert sum(taken) <= 3_000_000


@pytest.mark.parametrize("tail", [b"x", b""])
def test_a_frame_that_does_not_end_where_it_ends_is_refused(tail: bytes) -> None:
    packed = b"".join(compressed([bytes(5000)]))

    with pytest.raises(DamagedError):
        b"".join(decompressed([packed + tail if tail else packed[:-1]], 5000))


def test_a_key_is_made_of_the_passphrase_and_the_salt() -> None:
    how = KeyMaking(salt=b"salt of 16 bytes", cost=2**10)

    assert make_key("eight or more", how) == make_key("eight or more", how)
    assert make_key("eight or more", how) != make_key("eight or mere", how)
    assert make_key("eight or more", how) != make_key(
        "eight or more", msgspec.structs.replace(how, salt=b"another 16 bytes")
    )


@pytest.mark.parametrize(
    "how",
    [
        KeyMaking(salt=b"", cost=2**30),
        KeyMaking(salt=b"", cost=1000),
        KeyMaking(salt=b"", cost=2**10, block_size=10**6),
        KeyMaking(salt=b"", cost=2**10, lanes=99),
    ],
)
def test_parameters_out_of_bounds_are_refused(how: KeyMaking) -> None:
    with pytest.raises(InputError):
        make_key("long enough", how)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(InputError):
        make_key("seven77", KeyMaking(salt=b""))
