from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.edges import KEY_BITS, first_key, free_keys, insert_edges

START_US = 1_795_000_000_000_000


def take(database: Database, keys: list[int]) -> None:
    rows = [(key, 0, 0, 0, 0, bytes(128)) for key in keys]
    database.write(lambda c: insert_edges(c, rows))


def keys_for(database: Database, *ends: int) -> list[int]:
    with database.reading() as reader:
        starts = [(START_US, end) for end in ends]
        return [key - first_key(START_US) for key in free_keys(reader, starts)]


def test_a_key_is_the_start_and_ten_bits_of_the_span_id(database: Database) -> None:
    assert keys_for(database, 5, 1023, 1024 + 7) == [5, 1023, 7]
    assert first_key(1) == 1 << KEY_BITS


def test_keys_of_one_batch_never_meet(database: Database) -> None:
    assert keys_for(database, 5, 5, 6, 5, 6) == [5, 6, 7, 8, 9]


def test_a_key_that_is_taken_gives_way_to_the_next_that_is_free(database: Database) -> None:
    take(database, [first_key(START_US) + end for end in (5, 6, 7, 9)])

    assert keys_for(database, 5, 6, 9, 5) == [8, 10, 11, 12]


def test_a_gap_that_the_batch_itself_has_taken_is_passed_over(database: Database) -> None:
    take(database, [first_key(START_US) + end for end in (5, 6)])

    assert keys_for(database, 7, 5, 8, 6) == [7, 8, 9, 10]
