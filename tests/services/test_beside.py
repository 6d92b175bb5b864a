import threading

import pytest

from flowtrace_mcp.errors import InputError
from flowtrace_mcp.services.beside import started

WAIT_S = 5


def test_both_sides_work_at_once() -> None:
    here, there = threading.Event(), threading.Event()

    def work() -> bool:
        there.set()
        return here.wait(WAIT_S)

    with started(work) as asked:
        assert there.wait(WAIT_S)
        here.set()

    assert asked.result() is True


def test_what_the_work_raises_reaches_who_asks_for_its_result() -> None:
    def work() -> None:
        raise InputError("no", why="", mend="")

    with started(work) as asked:
        pass

    with pytest.raises(InputError):
        asked.result()


def test_a_block_that_fails_waits_for_the_work_and_fails_as_it_did() -> None:
    done = []

    with pytest.raises(KeyError), started(lambda: done.append(1)):
        raise KeyError

    assert done == [1]
