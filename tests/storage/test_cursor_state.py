"""Cursor's file is read in the order of its conversations, and left as it was."""

import json

import apsw
import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.storage.cursor_state import list_conversations, read_conversations

_CREATE = "CREATE TABLE cursorDiskKV (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
_PUT = "INSERT INTO cursorDiskKV (key, value) VALUES (?, ?)"


@pytest.fixture
def opened(tmp_path):
    connection = apsw.Connection(str(tmp_path / "state.vscdb"))
    connection.execute(_CREATE)
    yield connection
    connection.close()


def put_conversation(connection, name, messages, *, as_blob=False):
    """Put a conversation in, its messages in an order of their own."""
    headers = [{"bubbleId": each, "type": 1} for each in messages]
    rows = [(f"bubbleId:{name}:{each}", {"bubbleId": each}) for each in sorted(messages)]
    rows.append(
        (f"composerData:{name}", {"composerId": name, "fullConversationHeadersOnly": headers})
    )
    for key, value in rows:
        text = json.dumps(value)
        connection.execute(_PUT, (key, text.encode() if as_blob else text))


def told(path, after=0):
    """Return ids in the order in which they are read."""
    lines = [json.loads(line) for _, line in read_conversations(path, after)]
    return [one.get("composer", one.get("bubble")) for one in lines]


@pytest.mark.parametrize("as_blob", [True, False])
def test_messages_come_in_the_order_of_their_conversation(opened, tmp_path, as_blob):
    put_conversation(opened, "c", ["z", "a", "m"], as_blob=as_blob)

    composer, *bubbles = told(tmp_path / "state.vscdb")

    assert composer["composerId"] == "c"
    assert [bubble["bubbleId"] for bubble in bubbles] == ["z", "a", "m"]


def test_a_conversation_that_grew_is_read_again_and_no_other(opened, tmp_path):
    put_conversation(opened, "old", ["1"])
    put_conversation(opened, "grown", ["1"])
    last = max(number for number, _ in read_conversations(tmp_path / "state.vscdb"))

    put_conversation(opened, "old", ["1", "2"])

    again = told(tmp_path / "state.vscdb", last)
    assert [one.get("composerId", one.get("bubbleId")) for one in again] == ["old", "1", "2"]


def test_what_is_in_the_log_alone_is_read(opened, tmp_path):
    opened.execute("PRAGMA journal_mode = WAL")
    put_conversation(opened, "c", ["1"])

    assert told(tmp_path / "state.vscdb")[0]["composerId"] == "c"


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_nothing_is_written_beside_a_file_that_nobody_has_open(tmp_path, mode):
    path = tmp_path / "state.vscdb"
    connection = apsw.Connection(str(path))
    connection.execute(f"PRAGMA journal_mode = {mode}")
    connection.execute(_CREATE)
    put_conversation(connection, "c", ["1"])
    connection.close()
    before = path.read_bytes()

    assert len(told(path)) == 2
    assert [file.name for file in tmp_path.iterdir()] == ["state.vscdb"]
    assert path.read_bytes() == before


def test_a_message_that_is_gone_and_a_composer_that_is_none_do_no_harm(opened, tmp_path):
    put_conversation(opened, "c", ["1", "2"])
    opened.execute("DELETE FROM cursorDiskKV WHERE key = 'bubbleId:c:1'")
    opened.execute(_PUT, ("composerData:broken", "not JSON"))
    opened.execute(_PUT, ("composerData:deleted", None))

    lines = [line for _, line in read_conversations(tmp_path / "state.vscdb")]

    assert [line[:10] for line in lines] == [b'{"composer', b'{"bubble":', b'{"composer']


def test_a_file_that_was_replaced_is_read_from_its_start(opened, tmp_path):
    put_conversation(opened, "c", ["1"])

    assert len(told(tmp_path / "state.vscdb", after=1000)) == 2


def test_the_conversations_of_a_file_are_listed(opened, tmp_path):
    for name in ("a", "b"):
        put_conversation(opened, name, ["1"])

    assert list_conversations(tmp_path / "state.vscdb") == {"a", "b"}


def test_another_database_is_refused(tmp_path):
    path = tmp_path / "other.db"
    connection = apsw.Connection(str(path))
    connection.execute("CREATE TABLE t (x)")
    connection.close()

    with pytest.raises(InputError, match="cannot read conversations"):
        list(read_conversations(path))
