"""The file's figures, held against what SQLite counts itself."""

import apsw

from flowtrace_mcp.storage.health_store import Written
from tests.services.conftest import *  # noqa: F403 - a context, to store work as senders do
from tests.services.work import START_US, Work


def store_calls(context, count=200, session="s-1"):
    work = Work(context, session=session)
    for number in range(count):
        work.call("claude-opus-4-1", number, trace=number + 1)
    work.store()


def test_rows_of_every_tree_are_what_counting_finds(context):
    store_calls(context)
    connection = apsw.Connection(str(context.store.path), flags=apsw.SQLITE_OPEN_READONLY)

    trees = context.store.health.list_trees()

    counted = {
        tree.name: connection.execute(f'SELECT count(*) FROM "{tree.name}"').get
        for tree in trees
        if tree.kind == "table" and not tree.name.startswith("sqlite_")
    }
    assert {tree.name: tree.rows for tree in trees if tree.name in counted} == counted
    assert counted["edges"] == 200
    by_name = {tree.name: tree for tree in trees}
    assert by_name["edges_by_span"].rows == 200
    assert by_name["edges_by_span"].table == "edges"
    assert [tree.total_bytes for tree in trees] == sorted(
        (tree.total_bytes for tree in trees), reverse=True
    )


def test_pages_of_the_trees_are_the_pages_of_the_file(context):
    store_calls(context)

    pages, trees = context.store.health.file_pages(), context.store.health.list_trees()

    assert pages.auto_vacuum == "incremental"
    # What is left are the schema's own pages, and those that say which page belongs where.
    used = sum(tree.pages for tree in trees)
    assert used < pages.page_count - pages.free_pages <= used + 40
    assert pages.log_pages is not None
    assert pages.waiting_pages == pages.log_pages > 0
    context.store.scrub_log()
    assert context.store.health.file_pages().waiting_pages == 0


def test_what_is_written_is_counted_from_the_first_write_on(make_context):
    made = make_context()  # the file is there
    made.store.close()
    context = make_context()
    assert context.store.health.written() == Written(log_bytes=0, grown_bytes=None)

    store_calls(context)
    once = context.store.health.written()
    store_calls(context, session="s-2")
    twice = context.store.health.written()

    assert once.grown_bytes > 0
    assert once.amplification == round(once.log_bytes / once.grown_bytes, 2) > 1
    assert twice.log_bytes > once.log_bytes
    before = context.store.path.with_name(context.store.path.name + "-wal").stat().st_size
    context.store.scrub_log()
    store_calls(context, session="s-3")
    thrice = context.store.health.written()
    assert twice.log_bytes < thrice.log_bytes < twice.log_bytes + before


def test_nothing_grown_has_no_amplification():
    assert Written(log_bytes=5, grown_bytes=0).amplification is None
    assert Written(log_bytes=5, grown_bytes=-4096).amplification is None


def test_a_check_is_remembered(context, clock):
    assert context.store.health.find_check() is None

    context.store.health.note_check(2)

    check = context.store.health.find_check()
    assert (check.problems, check.at_us) == (2, clock.now_us)


def test_the_first_and_the_last_span_have_their_times(context):
    assert context.store.health.span_times() is None

    store_calls(context, 3)

    assert context.store.health.span_times() == (START_US, START_US + 2_000_000)
