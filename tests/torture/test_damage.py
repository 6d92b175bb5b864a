"""A damaged file: it is told, named, and made whole as far as it can be read; the original stays."""

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flowtrace_mcp.errors import DamagedError, FlowtraceError
from flowtrace_mcp.services.repair_database import repair_database
from flowtrace_mcp.settings import Settings
from flowtrace_mcp.storage.store import Store
from tests.storage.conftest import START_US
from tests.torture.workload import Heard, faults, steps, stored

TURNS = 20
PAGE = 4096

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "flowtrace.db"


@pytest.fixture
def settings(path: Path) -> Settings:
    return Settings(home=path.parent, db_path=path)


@pytest.fixture
def held(path: Path) -> list[str]:
    """Fill a file, all of it out of the log, and return what it holds."""
    with closing(Store(path, lambda: START_US)) as store:
        for step in steps(TURNS):
            step(store)
        store.scrub_log()
        return stored(store)


def is_told(path: Path) -> bool:
    try:
        with closing(Store(path, lambda: START_US)) as store:
            return store.check() != []
    except FlowtraceError:
        return True


def flip(path: Path, seed: int, pages: int = 3) -> None:
    """Overwrite some pages, the first not among them."""
    chance = random.Random(seed)
    with path.open("r+b") as file:
        for page in chance.sample(range(1, path.stat().st_size // PAGE), pages):
            file.seek(page * PAGE)
            file.write(chance.randbytes(PAGE))


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // PAGE * 3 // 4 * PAGE)


def break_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database, ever")


DAMAGES: dict[str, Callable[[Path], None]] = {
    **{f"flipped pages {seed}": lambda path, seed=seed: flip(path, seed) for seed in range(6)},
    "truncated": truncate,
    "a broken header": break_header,
}


@pytest.mark.parametrize("damage", list(DAMAGES))
def test_a_damaged_file_is_told_and_repaired(
    path: Path, settings: Settings, held: list[str], damage: str
) -> None:
    DAMAGES[damage](path)
    told, damaged = is_told(path), path.read_bytes()

    done = repair_database(settings, START_US)

    assert told
    assert (done.kept_aside / "flowtrace.db").read_bytes() == damaged
    assert faults(path, Heard()) == []
    with closing(Store(path, lambda: START_US)) as store:
        saved = stored(store)
    assert set(saved) <= set(held)
    if "edges" not in done.damaged_tables:
        assert {one for one in held if one.startswith("span")} <= set(saved)
    if "memories" not in done.damaged_tables:
        assert {one for one in held if one.startswith("memory")} <= set(saved)


def test_a_sound_file_loses_nothing_by_a_repair(
    path: Path, settings: Settings, held: list[str]
) -> None:
    done = repair_database(settings, START_US)

    assert (done.damaged_tables, done.lost_payloads) == ([], 0)
    assert faults(path, Heard(kept=set(held))) == []


def test_a_repair_goes_on_under_a_process_that_has_the_file_open(
    path: Path, settings: Settings, held: list[str]
) -> None:
    flip(path, seed=1, pages=1)
    with closing(Store(path, lambda: START_US)) as store:
        store.facts()

        repair_database(settings, START_US)

        assert store.check() == []
        assert set(stored(store)) <= set(held)


def test_a_file_of_others_is_named_and_left_alone(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + bytes(50_000))
    before = path.read_bytes()

    with pytest.raises(DamagedError):
        Store(path, lambda: START_US)

    assert path.read_bytes() == before


def test_most_of_a_file_with_one_broken_page_is_saved(
    path: Path, settings: Settings, held: list[str]
) -> None:
    shares = []
    sound = path.read_bytes()
    for seed in range(12):
        path.write_bytes(sound)
        flip(path, seed, pages=1)
        done = repair_database(settings, START_US + seed * 1_000_000)
        assert done.kept_aside.is_dir()
        with closing(Store(path, lambda: START_US)) as store:
            shares.append(len(stored(store)) / len(held))
            assert store.check() == []

    assert sum(shares) / len(shares) > 0.8
