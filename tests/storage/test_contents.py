import hashlib

from flowtrace_mcp.storage.contents import (
    CACHED_BYTES_MOST,
    CACHED_CONTENTS,
    ContentCache,
    content_id,
    get_contents,
    insert_contents,
)
from flowtrace_mcp.storage.database import Database

PROMPT = b"you are a careful assistant " * 50


def test_a_content_is_kept_once_compressed_and_read_back(database: Database) -> None:
    key = content_id(PROMPT)
    for _ in range(2):
        database.write(lambda c: insert_contents(c, {key: PROMPT}))

    with database.reading() as reader:
        found = get_contents(reader, [key, key, 5])
        sizes = [row[0] for row in reader.execute("SELECT length(data) FROM contents")]

    assert found == {key: PROMPT}
    assert len(sizes) == 1
    assert sizes[0] < len(PROMPT)


def test_new_contents_are_kept_beside_known_ones(database: Database) -> None:
    contents = {content_id(data): data for data in (b"a", b"b", b"")}
    database.write(lambda c: insert_contents(c, {content_id(b"a"): b"a"}))
    database.write(lambda c: insert_contents(c, contents))

    with database.reading() as reader:
        assert get_contents(reader, contents) == contents


def test_nothing_wanted_and_nothing_kept_is_nothing(database: Database) -> None:
    database.write(lambda c: insert_contents(c, {}))

    with database.reading() as reader:
        assert get_contents(reader, []) == {}
        assert reader.execute("SELECT count(*) FROM contents").get == 0


def test_the_address_of_a_content_is_its_blake2b_hash() -> None:
    digest = hashlib.blake2b(b"abc", digest_size=8).digest()

    assert content_id(b"abc") == int.from_bytes(digest, "big", signed=True)


def test_a_content_that_was_read_is_kept_when_it_is_small(database: Database) -> None:
    small, large = bytes(CACHED_BYTES_MOST), bytes(CACHED_BYTES_MOST + 1)
    contents = {content_id(data): data for data in (small, large)}
    database.write(lambda c: insert_contents(c, contents))
    cache = ContentCache()

    with database.reading() as reader:
        assert cache.get_contents(reader, contents) == contents
        database.write(lambda c: c.execute("DELETE FROM contents"))
        assert cache.get_contents(reader, contents) == {content_id(small): small}


def test_the_cache_lets_go_of_what_was_not_asked_for_longest(database: Database) -> None:
    contents = {content_id(b"%d" % n): b"%d" % n for n in range(CACHED_CONTENTS + 1)}
    first, *_, last = contents
    database.write(lambda c: insert_contents(c, contents))
    cache = ContentCache()

    with database.reading() as reader:
        cache.get_contents(reader, contents.keys() - {last})
        cache.get_contents(reader, [first])
        cache.get_contents(reader, [last])
        database.write(lambda c: c.execute("DELETE FROM contents"))
        left = cache.get_contents(reader, contents)

    assert len(left) == CACHED_CONTENTS
    assert {first, last} <= left.keys()
