import hashlib

from flowtrace_mcp.storage.contents import content_id, get_contents, insert_contents
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
