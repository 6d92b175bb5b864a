"""One receiver for all the tests of this folder; each sends ids of its own."""

import itertools

import pytest

from tests.ingest.conformance.receiver import Receiver

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def receiver(tmp_path_factory):
    one = Receiver(tmp_path_factory.mktemp("receiver"))
    one.wait_for_all_ports()
    yield one
    one.close()


@pytest.fixture(scope="session")
def strict_receiver(tmp_path_factory):
    """One that asks for a token, and lets a page of this machine send."""
    one = Receiver(
        tmp_path_factory.mktemp("strict"),
        FLOWTRACE_REQUIRE_AUTH="strict",
        FLOWTRACE_API_KEY="right-token",
        FLOWTRACE_CORS_ORIGINS="http://localhost:3000",
    )
    one.wait_for_all_ports()
    yield one
    one.close()


@pytest.fixture
def trace_id():
    """An id that no other test uses."""
    return (0xC0 << 120 | next(_numbers)).to_bytes(16, "big")
