import pytest

from flowtrace_mcp.errors import OUTSIDE, DamagedError, FlowtraceError, InputError, outside


def test_an_error_reads_as_what_why_and_mend_in_one_line() -> None:
    error = InputError("cannot read x", why="x is a number", mend="write 1")

    assert str(error) == "cannot read x: x is a number. Write 1."


def test_an_error_without_why_or_mend_is_still_a_sentence() -> None:
    assert str(InputError("cannot read x")) == "cannot read x."
    assert str(InputError("cannot read x", mend="write 1")) == "cannot read x. Write 1."


@pytest.mark.parametrize("cls", OUTSIDE)
def test_an_error_reads_outside_as_its_own_row_says(cls: type[FlowtraceError]) -> None:
    assert outside(cls("x")) == OUTSIDE[cls]


def test_an_error_without_a_row_reads_as_its_nearest_parent() -> None:
    class TornError(DamagedError):
        pass

    assert outside(TornError("x")) == OUTSIDE[DamagedError]
