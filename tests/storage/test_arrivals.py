"""The journal of arrivals: written only while something is forwarded, and bounded."""

from flowtrace_mcp.model.forwarding import Signal
from flowtrace_mcp.storage import arrivals
from flowtrace_mcp.storage.store import Store
from tests.storage.span_builder import span

ENDPOINT = "http://127.0.0.1:4318"


def insert(store: Store, number: int) -> None:
    store.spans.insert_spans([span(number)]).result()


def test_nothing_is_noted_where_nothing_is_forwarded(store: Store) -> None:
    insert(store, 1)

    with store._database.reading() as reader:
        assert arrivals.list_arrivals(reader, 0, 10) == []


def test_what_arrives_is_noted_in_its_order_and_goes_once_it_was_sent(store: Store) -> None:
    began = store.forwardings.begin(ENDPOINT, 0)
    for number in (2, 1):
        insert(store, number)
    with store._database.reading() as reader:
        noted = arrivals.list_arrivals(reader, began.arrival_id, 10)
    assert [arrival.signal for arrival in noted] == [Signal.SPANS] * 2
    assert [len(arrival.items) for arrival in noted] == [1, 1]

    forwarding = began
    while (batch := store.forwardings.next_batch(forwarding)) is not None:
        forwarding = batch.then
        assert store.forwardings.update(forwarding)
    with store._database.reading() as reader:
        assert arrivals.list_arrivals(reader, 0, 10) == []


def test_the_slower_of_two_endpoints_keeps_what_it_has_not_sent(store: Store) -> None:
    slow = store.forwardings.begin(ENDPOINT, 0)
    quick = store.forwardings.begin("http://127.0.0.1:4319", 0)
    insert(store, 1)
    while (batch := store.forwardings.next_batch(quick)) is not None:
        quick = batch.then
        store.forwardings.update(quick)

    with store._database.reading() as reader:
        assert len(arrivals.list_arrivals(reader, slow.arrival_id, 10)) == 1


def test_an_endpoint_that_is_forgotten_keeps_nothing(store: Store) -> None:
    store.forwardings.begin(ENDPOINT, 0)
    insert(store, 1)

    assert store.forwardings.delete(ENDPOINT)
    assert not store.forwardings.delete(ENDPOINT)
    with store._database.reading() as reader:
        assert arrivals.list_arrivals(reader, 0, 10) == []
