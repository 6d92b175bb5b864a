from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.leases import drop_lease, find_lease, take_lease


def test_a_lease_has_one_owner_until_it_runs_out_or_is_given_back(database: Database) -> None:
    def take(owner: str, now_us: int) -> bool:
        return database.write(lambda c: take_lease(c, "work", owner, (now_us, now_us + 10)))

    def owner(now_us: int) -> str | None:
        with database.reading() as reader:
            return find_lease(reader, "work", now_us)

    before = owner(0)
    taken = [take("a", 0), take("b", 9), take("a", 9)]
    held = [owner(18), owner(19)]
    expired = take("b", 19)
    database.write(lambda c: drop_lease(c, "work", "a"))
    still = owner(20)
    database.write(lambda c: drop_lease(c, "work", "b"))

    assert before is None
    assert taken == [True, False, True]
    assert held == ["a", None]
    assert (expired, still, owner(20)) == (True, "b", None)
