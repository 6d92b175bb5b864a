"""The index of bare row numbers: what is put in, what is taken out, and that nothing stays."""

import apsw
import pytest

from flowtrace_mcp.storage import meta, span_text
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.storage.span_builder import TRACE, span


def stored(store: Store, *numbers: int, **said) -> list[int]:
    """Store spans and return their keys."""
    store.spans.insert_spans([span(number, **said) for number in numbers]).result(8)
    found = store.spans.list_edges((0, 2**52), 1_000)
    return sorted(key for key, _ in found)


def index(store: Store, keys: list[int], body: str) -> None:
    store.span_texts.insert_documents([(key, body) for key in keys], {})


def rows(store: Store, match: str) -> list[int]:
    """Return the keys of spans that hold a word."""
    sql = (
        f"SELECT {span_text.KEY_OF_DOCUMENT} FROM span_text AS t"
        " CROSS JOIN span_documents AS d ON d.document_id = t.rowid"
        " WHERE span_text MATCH ? ORDER BY t.rowid"
    )
    connection = apsw.Connection(str(store.path))
    try:
        return [row[0] for row in connection.execute(sql, (match,))]
    finally:
        connection.close()


def lies_in_the_index(store: Store, word: str) -> bool:
    """Say whether a word is in the bytes of the index, whether or not a row still has it."""
    connection = apsw.Connection(str(store.path))
    blocks = [row[0] for row in connection.execute("SELECT block FROM span_text_data")]
    connection.close()
    return any(word.encode() in block for block in blocks)


def unread(store: Store) -> list[int]:
    return [key for _, keys in store.span_texts.list_unread(100) for key in keys]


def test_new_spans_wait_to_be_read(store: Store) -> None:
    keys = stored(store, 1, 2)

    assert sorted(unread(store)) == keys
    assert store.span_texts.count_unread() == 2


def test_what_is_read_waits_no_more(store: Store) -> None:
    keys = stored(store, 1, 2, 3)
    batch_id, waiting = store.span_texts.list_unread(1)[0]

    store.span_texts.insert_documents([(keys[0], "alpha")], {batch_id: waiting[1:]})
    assert len(unread(store)) == 2

    store.span_texts.insert_documents([(keys[1], "alpha")], {batch_id: ()})
    assert unread(store) == []
    assert rows(store, "alpha") == keys[:2]


def test_spans_that_start_at_once_are_all_found(store: Store) -> None:
    keys = stored(store, *range(1, 200), start_us=START_US)

    index(store, keys, "together")

    assert sorted(rows(store, "together")) == keys


def test_more_spans_of_one_moment_than_there_is_room_for_harm_nobody(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(span_text, "STEPS_LIMIT", 3)
    keys = stored(store, *range(1, 6), start_us=START_US)

    index(store, keys, "together")

    assert len(rows(store, "together")) == 3


def test_a_span_is_indexed_anew_in_its_place(store: Store) -> None:
    keys = stored(store, 1)
    index(store, keys, "before")

    index(store, keys, "after")

    assert (rows(store, "before"), rows(store, "after")) == ([], keys)


def test_a_span_that_is_gone_is_not_indexed(store: Store) -> None:
    index(store, [START_US << 10], "ghost")

    assert rows(store, "ghost") == []


def test_a_span_that_is_sent_again_is_read_again(store: Store) -> None:
    keys = stored(store, 1)
    index(store, keys, "before")

    again = stored(store, 1, name="another", duration_us=99)

    assert rows(store, "before") == []
    assert unread(store)[0] == again[0]


def test_words_are_found_by_their_stem_and_whatever_their_accents(store: Store) -> None:
    keys = stored(store, 1)
    index(store, keys, "deploying größe")

    assert rows(store, "deployed") == rows(store, "grosse OR große") == keys


def test_what_is_purged_leaves_no_word_behind(store: Store) -> None:
    keys = stored(store, *range(1, 101))
    for at, key in enumerate(keys):
        index(store, [key], "zanzibar common" if at == 7 else "common")
    assert lies_in_the_index(store, "zanzibar")

    connection = apsw.Connection(str(store.path))
    with connection:
        span_text.delete_documents(connection, keys[7:8])
    connection.close()
    assert rows(store, "zanzibar") == []
    assert lies_in_the_index(store, "zanzibar"), "or a purge would not be needed"
    store.span_texts.purge()

    assert not lies_in_the_index(store, "zanzibar")
    assert len(rows(store, "common")) == 99
    assert not store.span_texts.finish_purge()


def test_a_purge_that_was_cut_short_is_owed_by_the_file(store: Store) -> None:
    connection = apsw.Connection(str(store.path))
    with connection:
        meta.update_meta(connection, span_text.PURGE_OWED, "1")
    connection.close()

    assert store.span_texts.finish_purge()
    assert not store.span_texts.finish_purge()


def test_switched_off_the_index_is_empty_and_nothing_waits(store: Store) -> None:
    keys = stored(store, 1)
    index(store, keys, "alpha")

    store.span_texts.switch(is_on=False)
    stored(store, 2)

    assert (rows(store, "alpha"), unread(store), store.span_texts.is_on) == ([], [], False)


def test_switched_on_again_all_spans_wait_the_newest_first(store: Store) -> None:
    store.span_texts.switch(is_on=False)
    keys = stored(store, 1, 2, 3)
    store.span_texts.switch(is_on=True)

    noted = []
    while (below_key := store.span_texts.next_old_key()) is not None:
        store.span_texts.note_old_spans(below_key, 2)
        noted = unread(store)

    assert sorted(noted) == keys


def test_spans_that_change_their_project_are_read_again(store: Store) -> None:
    keys = stored(store, 1, session="s-1")
    batch_id, _ = store.span_texts.list_unread(1)[0]
    store.span_texts.insert_documents([], {batch_id: ()})

    store.spans.bind_session("s-1", store.project_id("git:x", "x"))

    assert unread(store) == keys


def test_merging_goes_on_in_bounded_steps(store: Store) -> None:
    keys = stored(store, *range(1, 41))
    for key in keys:
        index(store, [key], f"word{key}")

    while store.span_texts.merge():
        pass

    assert rows(store, f"word{keys[3]}") == [keys[3]]
    assert TRACE
