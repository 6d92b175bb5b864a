"""What the listener's process sets up for itself."""

import sys
from pathlib import Path

import pytest

from flowtrace_mcp.serving import OWN_BLOCK_BYTES, give_memory_back


def resident_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


@pytest.mark.skipif(sys.platform != "linux", reason="it is about an allocator of Linux")
def test_a_freed_block_goes_back_to_the_system_even_behind_one_that_stays() -> None:
    give_memory_back()
    blocks = [bytearray(OWN_BLOCK_BYTES) for _ in range(60)]
    for block in blocks:
        block[::4096] = b"x" * len(block[::4096])
    before = resident_bytes()

    del blocks[:-1]

    assert before - resident_bytes() > 50 * OWN_BLOCK_BYTES
