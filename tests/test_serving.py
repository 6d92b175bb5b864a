"""What the listener's process sets up for itself."""

import subprocess
import sys

import pytest

# In a process of its own: what other tests left free would serve these blocks.
FREED = """
from pathlib import Path
from flowtrace_mcp.serving import OWN_BLOCK_BYTES, give_memory_back

def resident_bytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024

give_memory_back()
blocks = [bytearray(OWN_BLOCK_BYTES) for _ in range(60)]
for block in blocks:
    block[::4096] = b"x" * len(block[::4096])
before = resident_bytes()
del blocks[:-1]
print((before - resident_bytes()) // OWN_BLOCK_BYTES)
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.skipif(sys.platform != "linux", reason="it is about an allocator of Linux")
def test_a_freed_block_goes_back_to_the_system_even_behind_one_that_stays() -> None:
    ran = subprocess.run([sys.executable, "-c", FREED], capture_output=True, check=True, timeout=50)

    assert int(ran.stdout) > 50
