from flowtrace_mcp.model.ids import string_id, to_signed
from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.strings import get_strings, insert_strings


def test_a_string_is_kept_once_and_the_empty_one_needs_no_row(database: Database) -> None:
    for _ in range(2):
        database.write(lambda c: insert_strings(c, ["shop", "", "shop"]))
    number = to_signed(string_id("shop"))

    with database.reading() as reader:
        assert get_strings(reader, [number, number, 0, 5]) == {0: "", number: "shop"}
        assert get_strings(reader, [0]) == {0: ""}
        assert reader.execute("SELECT count(*) FROM strings").get == 1
