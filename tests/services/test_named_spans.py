import pytest

from flowtrace_mcp.errors import InputError, NotFoundError
from flowtrace_mcp.ingest.pipeline import Pipeline
from flowtrace_mcp.services.context import Context
from flowtrace_mcp.services.named_spans import named_span, named_trace
from flowtrace_mcp.services.post_spans import post_spans

FIRST, SECOND = "11" * 8 + "aa" * 8, "22" * 8 + "aa" * 5 + "bb" * 3
LONE = "33" * 8 + "cc" * 8


def send(context: Context, *places: tuple[str, str]) -> None:
    spans = [
        {
            "trace_id": trace,
            "span_id": span,
            "name": "work",
            "start_time": 1_700_000_000_000_000 + number,
        }
        for number, (trace, span) in enumerate(places)
    ]
    post_spans(Pipeline(context.store, context.now_us), {"spans": spans})


def test_a_handle_and_a_whole_id_mean_the_same_trace(context: Context) -> None:
    send(context, (LONE, "dd" * 8))

    assert named_trace(context, " CCCCCCCCCC ") == named_trace(context, LONE) == bytes.fromhex(LONE)


def test_a_handle_that_fits_two_traces_names_both(context: Context) -> None:
    send(context, (FIRST, "d1" * 8), (SECOND, "d2" * 8))

    with pytest.raises(InputError) as told:
        named_trace(context, "aa" * 5)

    assert FIRST in str(told.value)
    assert SECOND in str(told.value)


def test_a_handle_that_nothing_has_is_told(context: Context) -> None:
    with pytest.raises(NotFoundError, match="no trace abcdefabcd"):
        named_trace(context, "abcdefabcd")
    with pytest.raises(NotFoundError, match="no span abcdefabcd"):
        named_span(context, "abcdefabcd")


def test_a_span_is_found_without_its_trace(context: Context) -> None:
    send(context, (LONE, "dd" * 8))
    place = (bytes.fromhex(LONE), bytes.fromhex("dd" * 8))

    assert named_span(context, "dd" * 5) == named_span(context, "dd" * 8) == place


def test_a_span_id_of_several_traces_needs_its_trace(context: Context) -> None:
    send(context, (FIRST, "dd" * 8), (SECOND, "dd" * 8))
    second = bytes.fromhex(SECOND)

    with pytest.raises(InputError, match="fits 2 spans"):
        named_span(context, "dd" * 5)
    assert named_span(context, "dd" * 5, second) == (second, bytes.fromhex("dd" * 8))


def test_a_span_of_another_trace_is_not_found(context: Context) -> None:
    send(context, (FIRST, "d1" * 8), (LONE, "dd" * 8))

    with pytest.raises(NotFoundError, match=f"in trace {FIRST}"):
        named_span(context, "dd" * 5, bytes.fromhex(FIRST))
