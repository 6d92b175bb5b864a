"""The journal of changes: bounded, and read from its end."""

from pathlib import Path

from flowtrace_mcp.model.memory import ChangeAction
from flowtrace_mcp.storage.connection import connect
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.memory_changes import (
    KEPT_CHANGES,
    Added,
    ChangeAuthor,
    Merged,
    Retired,
    find_last_change,
    find_last_undone,
    find_next_undone,
    insert_change,
    update_undone,
)

SHOP, BANK = ChangeAuthor(project_id=1, agent="a", session="s"), ChangeAuthor(project_id=2)
EFFECTS = (
    Added(key=1),
    Retired(key=2),
    Merged(key=3, tags=[1], aliases=[], files=[2], closed_files=[0]),
)


def test_a_change_is_read_back_as_it_was_written(database: Database) -> None:
    database.write(lambda c: insert_change(c, SHOP, ChangeAction.SUPERSEDE, EFFECTS, 7))

    with database.reading() as reader:
        change = find_last_change(reader, 1)

    assert change is not None
    assert (change.action, change.changed_us, change.agent, change.session) == (
        ChangeAction.SUPERSEDE,
        7,
        "a",
        "s",
    )
    assert (change.effects, change.undone_us) == (EFFECTS, None)


def test_the_oldest_changes_of_a_project_go_when_there_are_many(
    database: Database, path: Path
) -> None:
    def job(connection: object) -> None:
        insert_change(connection, BANK, ChangeAction.FORGET, (), 1)  # type: ignore[arg-type] - as the writer gives it
        for number in range(KEPT_CHANGES + 5):
            insert_change(connection, SHOP, ChangeAction.SAME, (), number)  # type: ignore[arg-type] - see above

    database.write(job)

    kept = connect(path, writable=False).execute(
        "SELECT project_id, count(*), min(changed_us) FROM memory_changes GROUP BY 1"
    )
    assert list(kept) == [(1, KEPT_CHANGES, 5), (2, 1, 1)]


def test_what_was_undone_is_found_until_another_change_follows(database: Database) -> None:
    for _ in range(3):
        database.write(lambda c: insert_change(c, SHOP, ChangeAction.SAME, (), 1))
    for change_id in (3, 2):
        database.write(lambda c, one=change_id: update_undone(c, one, 9))

    with database.reading() as reader:
        last, again = find_last_change(reader, 1), find_next_undone(reader, 1)
        assert (last and last.change_id, again and again.change_id) == (1, 2)

    database.write(lambda c: insert_change(c, SHOP, ChangeAction.SAME, (), 1))

    with database.reading() as reader:
        undone = find_last_undone(reader, 1)
        assert find_next_undone(reader, 1) is None
        assert undone is not None
        assert (undone.change_id, undone.undone_us) == (3, 9)
