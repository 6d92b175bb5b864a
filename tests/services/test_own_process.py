import os
import subprocess
import sys

import pytest

from flowtrace_mcp.services.own_process import may_be_ours


def test_a_running_process_of_this_user_may_be_ours() -> None:
    assert may_be_ours(os.getpid())


def test_a_process_that_has_ended_is_not_ours() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(10)

    assert not may_be_ours(ended.pid)


@pytest.mark.parametrize("pid", [0, -1])
def test_what_is_no_number_of_a_process_is_not_ours(pid: int) -> None:
    assert not may_be_ours(pid)
