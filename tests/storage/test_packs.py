from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from flowtrace_mcp.storage import packs
from flowtrace_mcp.storage.packs import PACK_LIMIT_BYTES, Pack


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    with closing(apsw.Connection(str(tmp_path / "packs.db"))) as opened:
        opened.execute(packs.CREATE)
        yield opened


def pack_of(*parts: bytes) -> Pack:
    pack = Pack(resource_id=1, scope_id=2, encoding=0)
    for part in parts:
        pack.add(part)
    pack.close()
    return pack


def raws(connection: apsw.Connection, ids: list[int]) -> list[bytes]:
    found = packs.get_packs(connection, ids)
    return [found[key].raw for key in ids if key in found]


def test_packs_are_read_back_as_they_were(connection: apsw.Connection) -> None:
    ids = packs.insert_packs(connection, [(pack_of(b"ab", b"c"), 2), (pack_of(b"d"), 1)])

    assert raws(connection, ids) == [b"abc", b"d"]
    assert packs.get_packs(connection, ids)[ids[0]].scope_id == 2


def test_a_pack_takes_bytes_up_to_its_limit() -> None:
    pack = Pack(resource_id=1, scope_id=2, encoding=0)
    pack.add(bytes(PACK_LIMIT_BYTES - 1))

    assert pack.has_room(b"x")
    assert not pack.has_room(b"xy")


def test_what_is_released_is_blank_and_an_empty_pack_is_gone(connection: apsw.Connection) -> None:
    ids = packs.insert_packs(connection, [(pack_of(b"ab", b"c"), 2), (pack_of(b"d"), 1)])

    packs.release_ranges(connection, [(ids[0], (0, 2)), (ids[1], (0, 1))])

    assert raws(connection, ids) == [b"\x00\x00c"]


def test_an_id_is_never_given_twice(connection: apsw.Connection) -> None:
    (first,) = packs.insert_packs(connection, [(pack_of(b"a"), 1)])
    packs.release_ranges(connection, [(first, (0, 1))])

    assert packs.insert_packs(connection, [(pack_of(b"b"), 1)]) == [first + 1]


def test_a_range_that_a_pack_does_not_hold_gives_nothing(connection: apsw.Connection) -> None:
    (key,) = packs.insert_packs(connection, [(pack_of(b"abc"), 1)])
    found = packs.get_packs(connection, [key])

    assert packs.packed_by_place(found, key, (1, 2)) == b"bc"
    assert packs.packed_by_place(found, key, (2, 2)) is None
    assert packs.packed_by_place(found, key + 1, (0, 1)) is None
