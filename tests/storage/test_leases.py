from flowtrace_mcp.storage.database import Database
from flowtrace_mcp.storage.leases import take_lease


def test_a_lease_has_one_owner_until_it_runs_out(database: Database) -> None:
    def take(owner: str, now_us: int) -> bool:
        return database.write(lambda c: take_lease(c, "work", owner, (now_us, now_us + 10)))

    taken = [take("a", 0), take("b", 9), take("a", 9), take("b", 18), take("b", 19), take("a", 20)]

    assert taken == [True, False, True, False, True, False]
